/** Checkpoints of a model's training as the Hub keeps them: branches of its repository. */
export interface Checkpoints {
  /** Names of the branches, in the order of training. */
  revisions: readonly string[];
}

/** A model of the Hugging Face Hub that is offered by name. What it weighs is asked of the Hub, not written down here. */
export interface KnownModel {
  repo: string;
  family: 'llama' | 'qwen2' | 'qwen3' | 'gpt2' | 'gpt_neox';
  /** As its authors count them. */
  parameters: string;
  licence: string;
  chat?: true;
  checkpoints?: Checkpoints;
}

/** The 154 checkpoints of every Pythia: step 0, powers of two to 512, then every thousandth step (Biderman et al. 2023, section 2.1). */
const pythia: Checkpoints = {
  revisions: [
    'step0',
    ...Array.from({ length: 10 }, (_, i) => `step${2 ** i}`),
    ...Array.from({ length: 143 }, (_, i) => `step${(i + 1) * 1000}`),
  ],
};

const licence = 'apache-2.0';

/** Small models of the families that are supported. */
export const KNOWN_MODELS: readonly KnownModel[] = [
  { repo: 'HuggingFaceTB/SmolLM2-135M', family: 'llama', parameters: '135 M', licence },
  { repo: 'HuggingFaceTB/SmolLM2-135M-Instruct', family: 'llama', parameters: '135 M', licence, chat: true },
  { repo: 'HuggingFaceTB/SmolLM2-360M', family: 'llama', parameters: '362 M', licence },
  { repo: 'HuggingFaceTB/SmolLM2-360M-Instruct', family: 'llama', parameters: '362 M', licence, chat: true },
  { repo: 'Qwen/Qwen2.5-0.5B', family: 'qwen2', parameters: '494 M', licence },
  { repo: 'Qwen/Qwen2.5-0.5B-Instruct', family: 'qwen2', parameters: '494 M', licence, chat: true },
  { repo: 'Qwen/Qwen3-0.6B', family: 'qwen3', parameters: '596 M', licence, chat: true },
  { repo: 'openai-community/gpt2', family: 'gpt2', parameters: '124 M', licence: 'mit' },
  { repo: 'EleutherAI/pythia-14m', family: 'gpt_neox', parameters: '14 M', licence, checkpoints: pythia },
  { repo: 'EleutherAI/pythia-31m', family: 'gpt_neox', parameters: '31 M', licence, checkpoints: pythia },
  { repo: 'EleutherAI/pythia-70m', family: 'gpt_neox', parameters: '70 M', licence, checkpoints: pythia },
  { repo: 'EleutherAI/pythia-160m', family: 'gpt_neox', parameters: '162 M', licence, checkpoints: pythia },
  { repo: 'EleutherAI/pythia-410m', family: 'gpt_neox', parameters: '405 M', licence, checkpoints: pythia },
];

/** The known repository that a name stands for: its id, or the part after the slash, in any case. */
export function knownRepo(name: string): KnownModel | undefined {
  const lower = name.toLowerCase();
  return KNOWN_MODELS.find(({ repo }) => repo.toLowerCase() === lower || shortName(repo).toLowerCase() === lower);
}

/** `SmolLM2-135M` of `HuggingFaceTB/SmolLM2-135M`. */
export function shortName(repo: string): string {
  return repo.slice(repo.lastIndexOf('/') + 1);
}
