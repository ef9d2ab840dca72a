import { Type, type TSchema } from 'typebox'

/** The request header of a change that shall happen only to what the caller has seen. */
export const IfMatch = Type.Object({
  'if-match': Type.Optional(
    Type.String({
      maxLength: 4_096,
      description:
        'The ETag of what you have seen: 412 precondition_failed, with what changed, where it is no longer so. Left out: the change happens to whatever is there.',
    }),
  ),
})

/** The answer's document, with the header that says which state it shows. */
export const tagged = <T extends TSchema>(document: T): T & { readonly headers: object } => ({
  ...document,
  headers: {
    etag: {
      type: 'string',
      description: 'A strong ETag of what can be changed here. Show it in If-Match.',
    },
  },
})
