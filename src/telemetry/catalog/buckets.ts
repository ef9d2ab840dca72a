/** The scales of all histograms. Each has an edge exactly on the objective that is measured with it (`observability/slos.ts`). */

/** Seconds. 0.25 is the objective of collect, 2.5 that of preview. */
export const HTTP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] as const
/** Seconds. 5 is the objective of a flush. */
export const FLUSH_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const
/** Seconds. 60 is the objective of freshness at the founding flush of 30 s. */
export const FRESHNESS_SECONDS = [1, 2.5, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600] as const
/** Bytes: 1 KiB to 256 MiB, each four times the one before. */
export const BYTES = [1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864, 268435456] as const
export const ROWS = [1, 10, 100, 500, 1000, 5000, 10000, 50000, 100000] as const
