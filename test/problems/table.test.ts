import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { PROBLEMS, Problem } from '../../src/problems/index.ts'

test('the reference lists every problem with its status and title, and nothing else', () => {
  const page = readFileSync(new URL('../../docs/reference/problems.md', import.meta.url), 'utf8')
  const listed = [...page.matchAll(/^\| `([a-z0-9_]+)` \| (\d+) \| (.+) \|$/gm)].map(([, code, status, title]) => [
    code,
    Number(status),
    title,
  ])
  assert.deepEqual(
    listed,
    Object.entries(PROBLEMS).map(([code, { status, title }]) => [code, status, title]),
  )
})

test('a code belongs to one status, and only a defect of ours is a 500', () => {
  for (const [code, { status }] of Object.entries(PROBLEMS)) {
    assert.match(code, /^[a-z][a-z_]*$/)
    assert.ok([400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 422, 429, 500, 503].includes(status), code)
    assert.equal(status === 500, code === 'internal')
  }
})

test('a problem carries what its code says, and its cause', () => {
  const cause = new Error('refused')
  const problem = new Problem('dependency_away', 'Postgres is away; try again.', { retryAfterSeconds: 1, cause })
  assert.deepEqual(
    [problem.status, problem.title, problem.message, problem.retryAfterSeconds],
    [503, 'A dependency is away', 'Postgres is away; try again.', 1],
  )
  assert.equal(problem.cause, cause)
})
