// ONNX Runtime has a telemetry client of its own, which is on unless this variable is set before the
// library is loaded: it keeps an id of the device and queues facts of the machine and of the models
// for a collector. Nothing of that is wanted here, whatever the user's environment says.
process.env['ORT_DISABLE_TELEMETRY'] = '1';
