"""OpenVINO GenAI on the CPU with its defaults: optimum-intel exports the model, LLMPipeline runs it. As a program, it answers once."""

import os
import tempfile

import peer


class OpenVino(peer.Peer):
    name = "OpenVINO GenAI"
    folder = "openvino"
    package = "openvino-genai"
    model = "int4, groups of 128, symmetric, ratio 1.0; embedding and head int8"
    weights = "openvino_model.bin"
    embedding_bits = 8
    source = os.path.abspath(__file__)

    def install(self):
        self.environment.install("openvino", ["openvino-genai", "numpy"])

    def make_model(self, checkpoint, out):
        self.environment.install("openvino-export", ["optimum-intel", "nncf", "openvino", "openvino-tokenizers", "torch", "transformers"])
        with tempfile.TemporaryDirectory(dir=self.options.cache) as scratch:  # a copy with 16 bits lies there meanwhile
            self.environment.run("model-openvino", ["-m", "optimum.commands.optimum_cli", "export", "openvino", "--model", checkpoint,
                                                    "--task", "text-generation-with-past", "--weight-format", "int4", "--group-size", "128",
                                                    "--ratio", "1.0", "--sym", out], TMPDIR=scratch)


def main():
    options = peer.arguments()
    import numpy
    import openvino
    import openvino_genai

    class Streamer(openvino_genai.StreamerBase):
        def __init__(self, tick):
            super().__init__()
            self.tick = tick

        def write(self, tokens):
            for _ in tokens if isinstance(tokens, list) else [tokens]:
                self.tick()
            return openvino_genai.StreamingStatus.RUNNING

        def end(self):
            pass

    pipeline = openvino_genai.LLMPipeline(options.model, "CPU", INFERENCE_NUM_THREADS=options.threads)

    def generate(ids, new_tokens, tick):
        config = openvino_genai.GenerationConfig(max_new_tokens=new_tokens, ignore_eos=True, do_sample=False)
        return pipeline.generate(openvino.Tensor(numpy.array([ids], numpy.int64)), config, Streamer(tick)).tokens[0]

    peer.answer(options, generate)


if __name__ == "__main__":
    main()
