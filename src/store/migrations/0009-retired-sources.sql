-- Sources that end or begin again. A topic that was deleted or made anew leaves its old partitions
-- without records for ever: they are retired, kept for what names them, and claimed by nobody. A log
-- that was cut back (restored from a copy, an unclean election) gives offsets out a second time:
-- its owner begins again, and what was settled by the old offsets no longer counts.

ALTER TABLE public.source_partitions ADD COLUMN retired_at timestamptz;
GRANT UPDATE (retired_at) ON public.source_partitions TO pulse_app;
GRANT DELETE ON public.settled_offsets TO pulse_app;

-- As before, and the letters of retired sources too, by whoever comes first: nobody owns those.
CREATE OR REPLACE FUNCTION public.dead_letters_waiting(of_worker text, at_most integer)
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
