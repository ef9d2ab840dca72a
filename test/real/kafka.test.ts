import { after } from 'node:test'
import { busContract } from '../bus/contract.ts'
import { withKafka } from '../kit/kafka.ts'

busContract('Apache Kafka', async () => {
  const kafka = await withKafka({ after })
  return {
    broker: kafka.broker,
    async restart() {
      await kafka.kill()
      await kafka.start()
    },
    async stop() {
      await kafka.kill()
      return kafka.start
    },
  }
})
