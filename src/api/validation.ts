import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify'
import { instantOf, isUuid } from '../event/index.ts'
import { addUniqueItems } from '../pdm/index.ts'
import { Problem } from '../problems/index.ts'
import { faultsOf } from './problem-document.ts'

/**
 * Bodies are taken as they are: no coercion, no defaults, nothing removed, or what is stored would not
 * be what was sent. A query is text, so numbers in it are read as numbers.
 */
const body = new Ajv2020({ allErrors: true, strict: false, validateFormats: true, verbose: true })
const query = new Ajv2020({ allErrors: true, strict: false, coerceTypes: true, useDefaults: true, verbose: true })
for (const ajv of [body, query]) {
  addUniqueItems(ajv)
  ajv.addFormat('uuid', isUuid)
  ajv.addFormat('date-time', (text: string) => instantOf(text) !== undefined)
}

/** Validates with the schemas that `/openapi.json` shows: 422 `invalid` for a body, 400 `invalid_parameter` for a query. */
export const compileForRoute: FastifySchemaCompiler<object> = ({ schema, httpPart }) => {
  const isBody = httpPart === 'body'
  const validate: ValidateFunction = (isBody ? body : query).compile(schema)
  return (data: unknown) => {
    if (isBody && data === undefined)
      return { error: new Problem('malformed', 'The request has no body: send a JSON object.') }
    if (validate(data)) return { value: data }
    const errors = faultsOf(validate.errors ?? [])
    const named = errors
      .map((fault) => `${fault.pointer === '' ? 'the body' : fault.pointer} ${fault.message}`)
      .join('; ')
    if (isBody) return { error: new Problem('invalid', `The body is not valid: ${cut(named)}.`, { errors }) }
    return { error: new Problem('invalid_parameter', `The query is not valid: ${cut(named)}.`, { errors }) }
  }
}

const cut = (text: string): string => (text.length > 500 ? `${text.slice(0, 500)} …` : text)

/** Gives every route that validates a body the check that there is one. Call before routes are added. */
export function addBodyRequirement(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    if (route.schema?.body === undefined || route.validatorCompiler !== undefined) return
    route.preValidation = (request, _reply, done) => {
      done(
        request.bodyBytes === undefined
          ? new Problem('malformed', 'The request has no body: send a JSON object.')
          : undefined,
      )
    }
  })
}
