import { toBinary } from '@bufbuild/protobuf';
import { replaceFile } from '../../files/writeFile.ts';
import { ModelProtoSchema } from '../onnx/proto/onnx_pb.ts';
import { ACCURACY_LEVELS, INTEGER_OPERATOR } from './integerMap.ts';
import { readModel } from './onnxDecoder.ts';

/**
 * Writes a copy of a model file, beside it and on the same data, that does not round activations.
 * @param path  model.onnx of a decoder with integer weights
 * @returns  path of the copy; the caller removes it
 * @throws EngineError `verify` when it cannot be read, `disk`
 */
export function writeExactCopy(path: string): string {
  const model = readModel(path);
  for (const { opType, attribute } of model.graph?.node ?? []) {
    if (opType !== INTEGER_OPERATOR) continue;
    for (const one of attribute) {
      if (one.name === 'accuracy_level') one.i = ACCURACY_LEVELS.float32;
    }
  }
  const copy = path.replace(/\.onnx$/, '.exact.onnx');
  replaceFile(copy, toBinary(ModelProtoSchema, model));
  return copy;
}
