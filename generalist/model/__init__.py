"""The model. Importing it tells Hugging Face's Auto classes of it: ``AutoModel.from_pretrained`` works."""

from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForImageTextToText, AutoProcessor

from generalist.model.config import GeneralistConfig
from generalist.model.modeling import GeneralistModel
from generalist.model.processor import GeneralistProcessor

__all__ = ["GeneralistConfig", "GeneralistModel", "GeneralistProcessor"]

AutoConfig.register(GeneralistConfig.model_type, GeneralistConfig, exist_ok=True)
AutoProcessor.register(GeneralistConfig, GeneralistProcessor, exist_ok=True)  # type: ignore[no-untyped-call]
for auto in (AutoModel, AutoModelForCausalLM, AutoModelForImageTextToText):
    auto.register(GeneralistConfig, GeneralistModel, exist_ok=True)
