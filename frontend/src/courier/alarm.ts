// An offer is heard and felt, until it is answered; the screen stays on while there is work.

let audio: AudioContext | null = null;
let ringing: ReturnType<typeof setInterval> | undefined;

/** Browsers allow sound after a tap only: the first one unlocks it. */
export function unlockSound(): void {
  audio ??= new AudioContext();
  void audio.resume();
}

const PATTERN_MS = [300, 120, 300, 120, 500];
const EVERY_MS = 2_200;

export function ring(): void {
  if (ringing) return;
  once();
  ringing = setInterval(once, EVERY_MS);
}

export function hush(): void {
  clearInterval(ringing);
  ringing = undefined;
  navigator.vibrate?.(0);
}

function once(): void {
  navigator.vibrate?.(PATTERN_MS);
  if (audio?.state !== "running") return;
  for (const [n, hertz] of [784, 988, 1175].entries()) tone(audio, hertz, n * 0.18);
}

/** Somebody has written: once, and quieter than an offer. */
export function nudge(): void {
  if (ringing) return;
  navigator.vibrate?.(200);
  if (audio?.state === "running") tone(audio, 784, 0);
}

function tone(context: AudioContext, hertz: number, after_s: number): void {
  const start = context.currentTime + after_s;
  const voice = context.createOscillator();
  const volume = context.createGain();
  voice.frequency.value = hertz;
  volume.gain.setValueAtTime(0.0001, start);
  volume.gain.exponentialRampToValueAtTime(0.4, start + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.16);
  voice.connect(volume).connect(context.destination);
  voice.start(start);
  voice.stop(start + 0.18);
}

let lock: WakeLockSentinel | null = null;
let wanted = false;

/** Keep the screen on. A hidden page loses the lock, and takes it again when it is seen. */
export async function stayAwake(please: boolean): Promise<void> {
  wanted = please;
  if (!please) {
    await lock?.release();
    lock = null;
  } else if ((!lock || lock.released) && document.visibilityState === "visible") {
    lock = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
  }
}

document.addEventListener("visibilitychange", () => void stayAwake(wanted));
