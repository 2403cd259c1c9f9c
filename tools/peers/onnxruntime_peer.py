"""ONNX Runtime GenAI on the CPU with its defaults: its own builder makes the model. As a program, it answers once."""

import json
import os

import peer


class OnnxRuntime(peer.Peer):
    name = "ONNX Runtime GenAI"
    folder = "onnxruntime"
    package = "onnxruntime-genai"
    model = "int4, blocks of 128, symmetric, accuracy level 4; embedding fp32"
    weights = "*.onnx.data"
    embedding_bits = 32
    source = os.path.abspath(__file__)

    def install(self):
        self.environment.install("onnxruntime", ["onnxruntime-genai", "onnxruntime", "numpy"])

    def make_model(self, checkpoint, out):
        self.environment.install("onnxruntime-builder", ["onnx", "onnx-ir", "torch", "transformers"])
        self.environment.run("model-onnxruntime", ["-m", "onnxruntime_genai.models.builder", "-i", checkpoint, "-o", out, "-p", "int4", "-e", "cpu",
                                                   "-c", self.options.cache, "--extra_options", "block_size=128", "is_symmetric=true",
                                                   "accuracy_level=4"])


def main():
    options = peer.arguments()
    import onnxruntime_genai

    config = onnxruntime_genai.Config(options.model)
    config.overlay(json.dumps({"model": {"decoder": {"session_options": {"intra_op_num_threads": options.threads}}}}))
    model = onnxruntime_genai.Model(config)

    def generate(ids, new_tokens, tick):
        params = onnxruntime_genai.GeneratorParams(model)
        length = len(ids) + new_tokens
        params.set_search_options(do_sample=False, min_length=length, max_length=length)  # no end before it
        generator = onnxruntime_genai.Generator(model, params)
        generator.append_tokens(ids)
        new = []
        while len(new) < new_tokens:
            generator.generate_next_token()
            tick()
            new.append(int(generator.get_next_tokens()[0]))
        return new

    peer.answer(options, generate)


if __name__ == "__main__":
    main()
