// A program that starts and never answers.
console.error('waiting for Godot');
setInterval(() => undefined, 1000);
