import type { Proof } from './proof.ts'

const kept = {
  number: 40,
  promise: 'Every change is told of, and what was told stays',
  test: 'test/audit/triggers.test.ts',
} as const
const AUDIT = 'src/store/migrations/0018-audit.sql'

export const PROOFS: readonly Proof[] = [
  {
    ...kept,
    name: 'who serves requests can neither write the audit, change it, take from it, nor switch it off',
    mutation: {
      file: AUDIT,
      from: 'GRANT SELECT ON public.audit TO pulse_app;',
      to: 'GRANT SELECT, DELETE ON public.audit TO pulse_app;',
    },
  },
  {
    ...kept,
    test: 'test/upkeep/retain.test.ts',
    name: 'the audit forgets what is older than it is kept',
    mutation: {
      file: 'src/store/migrations/0020-audit-days.sql',
      from: 'greatest(keep_days, 30)',
      to: 'greatest(keep_days, 0)',
    },
  },
  {
    ...kept,
    name: 'a row is put into the transaction of the change, by whoever makes it',
    mutation: {
      file: 'src/store/transaction.ts',
      from: "bound.push(actor, trace?.traceId ?? '')",
      to: "bound.push('', '')",
    },
  },
  {
    ...kept,
    name: 'limits that are given, changed and taken away are told of',
    mutation: {
      file: AUDIT,
      from: 'CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON public.limits',
      to: 'CREATE TRIGGER audit AFTER INSERT ON public.limits',
    },
  },
]
