import type { Store } from '../store/index.ts'

/**
 * Whether it is this worker's turn for a task that one worker does for all: true at most once per
 * `everySeconds` in the whole deployment, by Postgres' clock. A worker that dies after taking a turn
 * costs one interval, nothing else.
 */
export async function takeTurn(store: Store, task: string, everySeconds: number): Promise<boolean> {
  const taken = await store.asSystem(
    (sql) =>
      sql.query(
        `INSERT INTO public.upkeep_turns AS t (task, at) VALUES ($1, clock_timestamp())
       ON CONFLICT (task) DO UPDATE SET at = clock_timestamp() WHERE t.at <= clock_timestamp() - make_interval(secs => $2)
       RETURNING task`,
        [task, everySeconds],
      ),
    { name: 'upkeep' },
  )
  return taken.length === 1
}
