// The alarm of a kitchen: made here rather than fetched, so that it sounds when the network is gone.

export type Sound = "order" | "lost" | "test";

// Each note: when it begins and how long it lasts, in seconds, and its pitches.
const NOTES: Record<Sound, [number, number, number][]> = {
  order: [
    [0, 0.16, 880],
    [0.2, 0.16, 1174.7],
    [0.4, 0.3, 1568],
    [0.85, 0.16, 1174.7],
    [1.05, 0.3, 1568],
  ],
  lost: [
    [0, 0.35, 440],
    [0.4, 0.5, 329.6],
  ],
  test: [
    [0, 0.16, 880],
    [0.2, 0.16, 1174.7],
    [0.4, 0.35, 1568],
  ],
};
const EVERY_MS: Record<Sound, number> = { order: 2_000, lost: 2_500, test: 0 };
const OVERTONES = [1, 0.5, 0.25];

export class Alarm {
  volume = 1;
  #context: AudioContext | null = null;
  #sounding: Sound | null = null;
  #again: ReturnType<typeof setInterval> | null = null;

  /** Whether a browser lets it be heard: only after somebody has touched the page. */
  get audible(): boolean {
    return this.#context?.state === "running";
  }

  get sounding(): Sound | null {
    return this.#sounding;
  }

  /** From within a tap or a key, which is what browsers ask for. */
  async unlock(): Promise<boolean> {
    this.#context ??= new AudioContext();
    await this.#context.resume();
    return this.audible;
  }

  test(): void {
    this.#play("test");
  }

  /** Sound over and over until it is `set` to something else. */
  set(sound: "order" | "lost" | null): void {
    if (sound === this.#sounding) return;
    if (this.#again) clearInterval(this.#again);
    this.#again = null;
    this.#sounding = sound;
    if (!sound) return;
    this.#play(sound);
    this.#again = setInterval(() => this.#play(sound), EVERY_MS[sound]);
  }

  #play(sound: Sound): void {
    const context = this.#context;
    if (context?.state !== "running") return;
    const end = context.createDynamicsCompressor();
    end.connect(context.destination);
    for (const [begins, lasts, pitch] of NOTES[sound]) {
      const at = context.currentTime + begins;
      OVERTONES.forEach((share, n) => {
        const tone = context.createOscillator();
        const gain = context.createGain();
        tone.type = "triangle";
        tone.frequency.value = pitch * (n + 1);
        gain.gain.setValueAtTime(0, at);
        gain.gain.linearRampToValueAtTime(this.volume * share * 0.6, at + 0.015);
        gain.gain.exponentialRampToValueAtTime(0.001, at + lasts);
        tone.connect(gain).connect(end);
        tone.start(at);
        tone.stop(at + lasts);
      });
    }
    if (sound === "order") navigator.vibrate?.([200, 100, 200]);
  }
}
