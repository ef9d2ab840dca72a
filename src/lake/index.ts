export * from './schema.ts'
export * from './port.ts'
