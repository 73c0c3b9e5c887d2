import type { ReformVerdict, ReformVerdicts } from '../../protocol/reformVerdict.ts';
import { verdictText } from '../../protocol/verdictText.ts';
import type { RunContext } from './runContext.ts';

/** Logs how much of a stage's reform was accepted, for people and for programs. */
export function reportVerdict(
  run: RunContext,
  stage: keyof ReformVerdicts,
  verdict: ReformVerdict,
): void {
  run.tell({ kind: 'reformJudged', stage, verdict });
  run.log(verdict.step === 0 ? 'warning' : 'info', verdictText(stage, verdict));
}
