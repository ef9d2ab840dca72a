import { after } from 'node:test'
import { withBusProcess } from './process.ts'
import { busContract } from './contract.ts'

busContract('the embedded bus', () => withBusProcess({ after }))
