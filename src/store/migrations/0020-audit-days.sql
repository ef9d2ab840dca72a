-- Forgets what is older than `keep_days`, and never what is of the last thirty: who serves requests may ask for it (0018), so whoever has
-- that role's password could have forgotten by it what he did the day before. Answers how many went.
CREATE OR REPLACE FUNCTION public.audit_prune(keep_days integer, at_most integer) RETURNS bigint
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH gone AS (
    DELETE FROM public.audit WHERE id IN (
      SELECT id FROM public.audit WHERE at < clock_timestamp() - make_interval(days => greatest(keep_days, 30))
      ORDER BY at LIMIT at_most)
    RETURNING id)
  SELECT count(*) FROM gone;
END;
