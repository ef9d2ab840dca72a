-- The highest leader epoch that was read of a partition (KIP-101), noted before its records are consumed. A log that lost its end (a power
-- cut at a broker, an unclean election, a copy put back) and grew past the place where reading stopped looks whole by its offsets alone:
-- the broker that is asked with the epoch says where the log is not what it was.
ALTER TABLE public.source_partitions ADD COLUMN leader_epoch integer;
GRANT UPDATE (leader_epoch) ON public.source_partitions TO pulse_app;
