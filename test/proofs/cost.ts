import type { Proof } from './proof.ts'

export const PROOFS: readonly Proof[] = [
  {
    number: 29,
    promise: 'Telemetry costs a request that is not sampled next to nothing',
    test: 'test/telemetry/cost.test.ts',
    name: 'a collect that is not sampled makes no line and no span',
    mutation: {
      file: 'src/telemetry/log-api.ts',
      from: "    return said.sampled || isPartial(said) ? 'info' : 'debug'",
      to: "    return 'info'",
    },
  },
]
