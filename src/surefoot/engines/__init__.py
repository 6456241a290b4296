"""What samples from a policy; model.py loads and runs weights, for the trainer too.

    torch.py       in this process: torch_batch (who decodes together), torch_cache (keys and
                   values), torch_attention, torch_sample
    config.py      its settings, torch-free
    scripted.py    a function says the tokens; no torch
    model.py       any Hugging Face causal LM; model_files.py puts its directory on the disk whole

Import the modules: this sign imports nothing, so that a worker without torch can read it.
"""
