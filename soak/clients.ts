import { fork } from 'node:child_process'
import { join } from 'node:path'
import type { LoadPlan, LoadState } from './load.ts'

interface Clients extends AsyncDisposable {
  state(): Promise<LoadState>
  /** Sends no more, and answers once everything that was sent is accepted. */
  stop(): Promise<LoadState>
}

type Said = { readonly kind: 'ready' } | { readonly kind: 'state' | 'ended'; readonly state: LoadState }

/** Starts the clients in a process of their own. */
export async function openClients(plan: LoadPlan): Promise<Clients> {
  const child = fork(join(import.meta.dirname, 'load.ts'), { stdio: 'inherit' })
  const gone = new Promise<never>((_, reject) => {
    child.once('exit', (code) => reject(new Error(`The clients ended with ${code}.`)))
  })
  gone.catch(() => undefined) // whoever asks hears of it
  const heard = (kind: Said['kind']): Promise<Said> => {
    const { promise, resolve } = Promise.withResolvers<Said>()
    const listen = (said: Said): void => {
      if (said.kind !== kind) return
      child.off('message', listen)
      resolve(said)
    }
    child.on('message', listen)
    return Promise.race([promise, gone])
  }
  const ended = heard('ended')
  ended.catch(() => undefined)
  await heard('ready')
  child.send(plan)
  const stateOf = (said: Said): LoadState => (said as { state: LoadState }).state
  return {
    async state() {
      const answer = Promise.race([heard('state'), ended])
      child.send('state')
      return stateOf(await answer)
    },
    async stop() {
      if (child.connected) child.send('stop')
      return stateOf(await ended)
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
    },
  }
}
