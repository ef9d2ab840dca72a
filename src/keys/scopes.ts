/** What a tenant's key may be allowed: to send events, to read, to see what is marked personal, to change what is defined. */
export const SCOPES = ['collect', 'read', 'pii', 'manage'] as const
export type Scope = (typeof SCOPES)[number]

/** The operator's only scope: tenants, and the keys of any tenant. It shows no event and sends none. */
export const OPERATE = 'operate'
