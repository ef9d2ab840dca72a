export { openKeyBook, type KeyBook, type KeyHolder } from './book.ts'
export { createKey, getKey, listKeys, patchKey, revokeKey, rotateKey, type Key } from './manage.ts'
export { OPERATE, SCOPES, type Scope } from './scopes.ts'
export { issueOwnKeys } from './own.ts'
