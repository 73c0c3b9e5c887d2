// The one place that loads ONNX Runtime. The order of these two lines is what keeps it silent.
import './telemetryOff.ts';
export * from 'onnxruntime-node';
