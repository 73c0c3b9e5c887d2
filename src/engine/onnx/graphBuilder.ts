import { create, toBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  type TensorProto,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './proto/onnx_pb.ts';

/** Element types our graphs use. */
export type ElementType =
  'float32' | 'float64' | 'float16' | 'bfloat16' | 'uint8' | 'int32' | 'int64' | 'bool';

/** A value in a graph, known by its name. `''` stands for an absent optional input. */
export type Value = string;

/** An attribute: integers as bigint or integer lists, floats as `{ float }`, text as string. */
export type Attribute = bigint | readonly bigint[] | { readonly float: number } | string;

/** A dimension: a fixed size, or a name for a size known only at run time. */
export type Dimension = number | string;

/** Where the bytes of an external initializer lie. */
export interface ExternalData {
  /** File name relative to the model file. */
  readonly location: string;
  /** Bytes from the start of that file; aligned by the writer. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

const OPSET = 21;
const IR_VERSION = 10n;
const MICROSOFT_DOMAIN = 'com.microsoft';

/**
 * Builds one ONNX graph node by node and encodes it as a model (opset 21, IR 10).
 *
 * Values are named automatically; inputs and outputs keep the names they are given. Weights are
 * either graph inputs, small inline constants, or external initializers: a protobuf is capped at
 * 2 GiB, so large ones are never put inside.
 */
export class GraphBuilder {
  readonly #graph: GraphProto;
  readonly #constants = new Map<string, Value>();
  #usesMicrosoft = false;
  #count = 0;

  constructor(name: string) {
    this.#graph = create(GraphProtoSchema, { name });
  }

  /**
   * Declares a graph input, once: declaring the name again returns the same value. An input that no
   * node uses must still be fed, so declare only used ones.
   */
  input(name: string, type: ElementType, dims: readonly Dimension[]): Value {
    if (!this.#graph.input.some((known) => known.name === name)) {
      this.#graph.input.push(valueInfo(name, type, dims));
    }
    return name;
  }

  /** Makes `value` a graph output called `name`. */
  output(name: string, value: Value, type: ElementType, dims: readonly Dimension[]): void {
    this.node('Identity', [value], {}, [name]);
    this.#graph.output.push(valueInfo(name, type, dims));
  }

  /**
   * Adds a node of the standard operator set.
   * @returns  its first output
   */
  op(
    opType: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): Value {
    return this.node(opType, inputs, attributes, [this.#fresh(opType)])[0] as Value;
  }

  /** Adds a node of ONNX Runtime's own operator set (`com.microsoft`) and returns its first output. */
  microsoft(
    opType: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, Attribute>> = {},
    extraOutputs = 0,
  ): Value {
    this.#usesMicrosoft = true;
    const outputs = Array.from({ length: 1 + extraOutputs }, () => this.#fresh(opType));
    return this.node(opType, inputs, attributes, outputs, MICROSOFT_DOMAIN)[0] as Value;
  }

  /** Adds a node with named outputs and returns these names. */
  node(
    opType: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, Attribute>>,
    outputs: readonly Value[],
    domain = '',
  ): readonly Value[] {
    this.#graph.node.push(
      create(NodeProtoSchema, {
        opType,
        domain,
        name: `n${this.#graph.node.length}_${opType}`,
        input: [...inputs],
        output: [...outputs],
        attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
      }),
    );
    return outputs;
  }

  /** A small int64 constant, [values.length] or a scalar when given one number; equal ones are shared. */
  ints(values: readonly number[] | number): Value {
    const list = typeof values === 'number' ? [values] : values;
    const dims = typeof values === 'number' ? [] : [list.length];
    return this.#constant(`int64:${dims.length}:${list.join()}`, () =>
      inlineTensor('int64', dims, new BigInt64Array(list.map(BigInt))),
    );
  }

  /** A small float32 constant, [values.length] or a scalar when given one number. */
  floats(values: readonly number[] | number): Value {
    const list = typeof values === 'number' ? [values] : values;
    const dims = typeof values === 'number' ? [] : [list.length];
    return this.#constant(`float32:${dims.length}:${list.join()}`, () =>
      inlineTensor('float32', dims, new Float32Array(list)),
    );
  }

  /** An inline initializer holding `data`; for small tables only. */
  initializer(
    name: string,
    type: ElementType,
    dims: readonly number[],
    data: ArrayBufferView,
  ): Value {
    const tensor = inlineTensor(type, dims, data);
    tensor.name = name;
    this.#graph.initializer.push(tensor);
    return name;
  }

  /** An initializer whose bytes lie in a file beside the model. */
  external(name: string, type: ElementType, dims: readonly number[], data: ExternalData): Value {
    this.#graph.initializer.push(
      create(TensorProtoSchema, {
        name,
        dims: dims.map(BigInt),
        dataType: DATA_TYPES[type],
        dataLocation: TensorProto_DataLocation.EXTERNAL,
        externalData: [
          { key: 'location', value: data.location },
          { key: 'offset', value: String(data.offset) },
          { key: 'length', value: String(data.length) },
        ],
      }),
    );
    return name;
  }

  /** Encodes the model. */
  build(metadata: Readonly<Record<string, string>> = {}): Uint8Array {
    const opsets = [create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(OPSET) })];
    if (this.#usesMicrosoft) {
      opsets.push(create(OperatorSetIdProtoSchema, { domain: MICROSOFT_DOMAIN, version: 1n }));
    }
    return toBinary(
      ModelProtoSchema,
      create(ModelProtoSchema, {
        irVersion: IR_VERSION,
        producerName: 'subnet-studio',
        opsetImport: opsets,
        graph: this.#graph,
        metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
      }),
    );
  }

  #constant(key: string, make: () => TensorProto): Value {
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const tensor = make();
    tensor.name = this.#fresh('const');
    this.#graph.initializer.push(tensor);
    this.#constants.set(key, tensor.name);
    return tensor.name;
  }

  #fresh(hint: string): Value {
    return `${hint.toLowerCase()}_${this.#count++}`;
  }
}

const DATA_TYPES: Readonly<Record<ElementType, TensorProto_DataType>> = {
  float32: TensorProto_DataType.FLOAT,
  float64: TensorProto_DataType.DOUBLE,
  float16: TensorProto_DataType.FLOAT16,
  bfloat16: TensorProto_DataType.BFLOAT16,
  uint8: TensorProto_DataType.UINT8,
  int32: TensorProto_DataType.INT32,
  int64: TensorProto_DataType.INT64,
  bool: TensorProto_DataType.BOOL,
};

function valueInfo(name: string, type: ElementType, dims: readonly Dimension[]): ValueInfoProto {
  return create(ValueInfoProtoSchema, {
    name,
    type: {
      value: {
        case: 'tensorType',
        value: {
          elemType: DATA_TYPES[type],
          shape: {
            dim: dims.map((size) =>
              create(TensorShapeProto_DimensionSchema, {
                value:
                  typeof size === 'number'
                    ? { case: 'dimValue', value: BigInt(size) }
                    : { case: 'dimParam', value: size },
              }),
            ),
          },
        },
      },
    },
  });
}

function inlineTensor(
  type: ElementType,
  dims: readonly number[],
  data: ArrayBufferView,
): TensorProto {
  return create(TensorProtoSchema, {
    dims: dims.map(BigInt),
    dataType: DATA_TYPES[type],
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice(),
  });
}

function attribute(name: string, value: Attribute): AttributeProto {
  const base = create(AttributeProtoSchema, { name });
  if (typeof value === 'bigint') {
    base.type = AttributeProto_AttributeType.INT;
    base.i = value;
  } else if (typeof value === 'string') {
    base.type = AttributeProto_AttributeType.STRING;
    base.s = new TextEncoder().encode(value);
  } else if ('float' in value) {
    base.type = AttributeProto_AttributeType.FLOAT;
    base.f = value.float;
  } else {
    base.type = AttributeProto_AttributeType.INTS;
    base.ints = [...value];
  }
  return base;
}
