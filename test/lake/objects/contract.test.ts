import { openObjectStore } from '../../../src/lake/index.ts'
import { ownFolder } from '../../kit/folder.ts'
import { objectStoreContract } from './contract.ts'

objectStoreContract('a local folder', async (owner) => {
  const root = await ownFolder(owner)
  return { store: openObjectStore({ warehouse: root }), at: `file://${root}/lake` }
})
