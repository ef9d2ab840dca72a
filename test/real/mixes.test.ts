import { endToEndContract } from '../e2e/contract.ts'
import { MIXES, nameOfMix, openPlaces } from '../kit/real-places.ts'

/** All embedded is in `npm test`; here are the other seven mixes. Their tests differ in nothing but settings. */
for (const mix of MIXES.slice(1))
  endToEndContract(nameOfMix(mix), async (owner) => {
    const { env, kafka, postgres, s3 } = await openPlaces(owner, mix)
    return { env, engines: [kafka, postgres, s3].filter((engine) => engine !== undefined) }
  })
