// A reporter that tells only which tests failed, for the end of a long log.
export default async function* failedNames(events) {
  for await (const { type, data } of events) {
    if (type !== 'test:fail' || data.details.error?.failureType === 'subtestsFailed') continue;
    yield `  ${data.file ?? ''}: ${data.name}\n`;
  }
}
