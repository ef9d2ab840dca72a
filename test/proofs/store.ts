import type { Proof } from './proof.ts'

const alone = { number: 43, promise: 'A tenant is alone', test: 'test/store/isolation.test.ts' } as const

export const PROOFS: readonly Proof[] = [
  {
    ...alone,
    name: 'the pooled connection remembers no tenant',
    mutation: {
      file: 'src/store/transaction.ts',
      from: "set_config('app.current_tenant_id', $1, true)",
      to: "set_config('app.current_tenant_id', coalesce(nullif($1, ''), current_setting('app.current_tenant_id', true)), false)",
    },
  },
  {
    ...alone,
    name: 'bound to a tenant: its own row is seen, the other one is not, in every table',
    mutation: {
      file: 'src/store/migrations/0017-batches.sql',
      from: 'CREATE POLICY tenant_isolation ON public.batch_rejections',
      to: 'CREATE POLICY everybody ON public.batch_rejections USING (true); CREATE POLICY tenant_isolation ON public.batch_rejections',
    },
  },
]
