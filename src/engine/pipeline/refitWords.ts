import { type RefitVerdict, type RefitVerdicts, verdictText } from '../../protocol/refitVerdict.ts';
import type { RunContext } from './runContext.ts';

/** Logs how much of a stage's refit was taken, for people and for programs. */
export function reportVerdict(
  run: RunContext,
  stage: keyof RefitVerdicts,
  verdict: RefitVerdict,
): void {
  run.tell({ kind: 'refitJudged', stage, verdict });
  run.log(verdict.step === 0 ? 'warning' : 'info', verdictText(stage, verdict));
}
