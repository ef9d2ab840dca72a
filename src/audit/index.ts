export { listAudit, type AuditRow } from './list.ts'
export { recordSettings } from './settings.ts'
