// The arithmetic of printed code in JavaScript, whose numbers are float64; exact.h states the same for C and CUDA.

const NUMBER = new Float64Array(1);
const [LOWER, UPPER] = [0, 1]; // the words of a number
const WORDS = new Uint32Array(NUMBER.buffer);
const SHIFT = 0x3fe6a09e; // the upper word of √½

const minimum = (a, b) => (a < b || a !== a ? a : b);
const maximum = (a, b) => (a > b || a !== a ? a : b);

// a - b * floor(a / b), exactly; it has the sign of b.
function modulo(a, b) {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

// The upper half of the product of two words.
function times_high(a, b) {
  const lower = Math.floor(((a & 0xffff) * b) / 0x10000);
  return Math.floor(((a >>> 16) * b + lower) / 0x10000);
}

function copysign(x, y) {
  NUMBER[0] = y;
  return WORDS[UPPER] >>> 31 ? -Math.abs(x) : Math.abs(x);
}

function two_to(k) {
  WORDS[LOWER] = 0;
  WORDS[UPPER] = (k + 1023) << 20;
  return NUMBER[0];
}

function exponent(x) {
  NUMBER[0] = x;
  return (WORDS[UPPER] - SHIFT) >> 20;
}

function significand(x) {
  NUMBER[0] = x;
  WORDS[UPPER] -= (WORDS[UPPER] - SHIFT) & 0xfff00000;
  return NUMBER[0];
}
