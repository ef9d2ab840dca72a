import { endToEndContract } from './contract.ts'

endToEndContract('the embedded places', async () => ({ env: {}, engines: [] }))
