-- What upkeep must know across tenants, and nothing more: which intents are too old, who has work.
-- The work itself is then done tenant by tenant, under the policies.

-- Condemns intents older than `seconds` (at least a minute): from then on their commit is refused. One
-- that a commit holds at this moment is left alone. Answers how many.
CREATE FUNCTION public.intents_condemn(seconds double precision) RETURNS bigint
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH condemned AS (
    UPDATE public.flush_intents SET condemned_at = clock_timestamp() WHERE flush_id IN (
      SELECT flush_id FROM public.flush_intents
      WHERE condemned_at IS NULL AND started_at < clock_timestamp() - make_interval(secs => greatest(seconds, 60))
      ORDER BY started_at LIMIT 1000 FOR UPDATE SKIP LOCKED)
    RETURNING flush_id)
  SELECT count(*) FROM condemned;
END;

-- Condemned intents whose writer has ended (no live membership of that name): never swept yet, or
-- swept once and `again_after` seconds ago.
CREATE FUNCTION public.intents_to_sweep(again_after double precision, at_most integer)
  RETURNS TABLE (flush_id uuid, tenant_id uuid)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT i.flush_id, i.tenant_id FROM public.flush_intents i
  WHERE i.condemned_at IS NOT NULL
    AND NOT EXISTS (SELECT FROM public.worker_members m WHERE m.worker = i.worker AND m.expires_at > clock_timestamp())
    AND (i.swept_at IS NULL OR i.swept_at <= clock_timestamp() - make_interval(secs => again_after))
  ORDER BY i.condemned_at LIMIT at_most;
END;
GRANT SELECT ON public.worker_members, public.source_partitions TO pulse_definer;

-- Tenants with files whose grace is over. One step per tenant through the index, whatever the number
-- of files.
CREATE FUNCTION public.expired_files_tenants(at_most integer) RETURNS TABLE (tenant_id uuid)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH RECURSIVE step (tenant_id) AS (
    (SELECT e.tenant_id FROM public.expired_files e ORDER BY e.tenant_id LIMIT 1)
    UNION ALL
    SELECT n.tenant_id FROM step CROSS JOIN LATERAL
      (SELECT e.tenant_id FROM public.expired_files e WHERE e.tenant_id > step.tenant_id ORDER BY e.tenant_id LIMIT 1) AS n)
  SELECT step.tenant_id FROM step WHERE EXISTS (
    SELECT FROM public.expired_files e WHERE e.tenant_id = step.tenant_id AND e.not_before <= clock_timestamp())
  LIMIT at_most;
END;

-- Source partitions of a worker with dead letters to relay. One step per partition with work, through
-- the index of what is not relayed: a flood costs what a single letter costs. plpgsql keeps the plan,
-- which spans every day's partition.
CREATE FUNCTION public.dead_letters_waiting(of_worker text, at_most integer)
  RETURNS TABLE (topic_id uuid, partition integer, tenant_id uuid)
  LANGUAGE plpgsql STABLE SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_sort = off
AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH RECURSIVE step (topic_id, partition, tenant_id) AS (
    (SELECT d.topic_id, d.partition, d.tenant_id FROM public.dead_letters d
     WHERE d.relayed_at IS NULL ORDER BY d.topic_id, d.partition LIMIT 1)
    UNION ALL
    SELECT n.topic_id, n.partition, n.tenant_id FROM step CROSS JOIN LATERAL
      (SELECT d.topic_id, d.partition, d.tenant_id FROM public.dead_letters d
       WHERE d.relayed_at IS NULL AND (d.topic_id, d.partition) > (step.topic_id, step.partition)
       ORDER BY d.topic_id, d.partition LIMIT 1) AS n)
  SELECT step.topic_id, step.partition, step.tenant_id FROM step
  JOIN public.source_partitions s ON s.topic_id = step.topic_id AND s.partition = step.partition
  WHERE s.owner = of_worker OR s.retired_at IS NOT NULL LIMIT at_most;
END
$$;

-- Flushes are kept as long as a ledger row or a dead letter can name them. Answers how many went.
CREATE FUNCTION public.flushes_prune(keep_days integer, at_most integer) RETURNS bigint
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH gone AS (
    DELETE FROM public.flushes WHERE flush_number IN (
      SELECT flush_number FROM public.flushes
      WHERE committed_at < clock_timestamp() - make_interval(days => greatest(keep_days, 1))
      ORDER BY committed_at LIMIT at_most)
    RETURNING flush_number)
  SELECT count(*) FROM gone;
END;

ALTER FUNCTION public.intents_condemn(double precision) OWNER TO pulse_definer;
ALTER FUNCTION public.intents_to_sweep(double precision, integer) OWNER TO pulse_definer;
ALTER FUNCTION public.expired_files_tenants(integer) OWNER TO pulse_definer;
ALTER FUNCTION public.dead_letters_waiting(text, integer) OWNER TO pulse_definer;
ALTER FUNCTION public.flushes_prune(integer, integer) OWNER TO pulse_definer;
REVOKE ALL ON FUNCTION public.intents_condemn(double precision), public.intents_to_sweep(double precision, integer),
  public.expired_files_tenants(integer), public.dead_letters_waiting(text, integer), public.flushes_prune(integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.intents_condemn(double precision), public.intents_to_sweep(double precision, integer),
  public.expired_files_tenants(integer), public.dead_letters_waiting(text, integer), public.flushes_prune(integer, integer) TO pulse_app;
