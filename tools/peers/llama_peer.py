"""llama.cpp through the binding of its C interface, built for this machine from PyPI's source archive. As a program, it answers once."""

import os
import shutil

import peer

REVISION = "0c1e57098"  # of ggml-org/llama.cpp, as the changelog of llama-cpp-python 0.3.36 names it


class Llama(peer.Peer):
    name = "llama.cpp"
    folder = "llama"
    package = "llama-cpp-python"
    model = "Q4_0 (blocks of 32), head Q6_K"
    weights = "*.gguf"
    embedding_bits = 4.5
    source = os.path.abspath(__file__)

    def install(self):
        # clang where it is there: g++ 12 leaves out most of AMX's tile configuration, and the first tile is an illegal instruction then
        compilers = {"CC": "clang-19", "CXX": "clang++-19"} if shutil.which("clang++-19") else {}
        self.environment.install("llama", ["llama-cpp-python"], "--no-binary", "llama-cpp-python", "--no-cache-dir",
                                 CMAKE_ARGS="-DGGML_NATIVE=ON -DLLAVA_BUILD=OFF", **compilers)

    def version(self):
        return f"{REVISION} ({self.package} {super().version()}), flash attention {self.options.flash_attention}"

    def make_model(self, checkpoint, out):
        self.environment.install("gguf", ["gguf", "numpy"])
        os.makedirs(out)
        writer = os.path.join(os.path.dirname(self.source), "write_gguf.py")
        self.environment.run("model-llama", [writer, checkpoint, os.path.join(out, "model.gguf")])

    def command(self, *arguments):
        return [*super().command(*arguments), "--flash-attention", self.options.flash_attention]


def main():
    options = peer.arguments("--flash-attention")
    import llama_cpp
    import numpy

    llama_cpp.llama_backend_init()
    model = llama_cpp.llama_model_load_from_file(os.path.join(options.model, "model.gguf").encode(), llama_cpp.llama_model_default_params())
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = len(options.ids) + options.max_new_tokens
    params.n_batch = max(params.n_batch, len(options.ids))
    params.n_threads = params.n_threads_batch = options.threads
    params.flash_attn_type = {"auto": -1, "off": 0, "on": 1}[options.flash_attention]
    context = model and llama_cpp.llama_init_from_model(model, params)
    if not context:
        raise SystemExit("error: llama.cpp did not load the model; the lines above say why")
    width = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))

    def next_token(ids):
        array = (llama_cpp.llama_token * len(ids))(*ids)
        if llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(array, len(ids))):
            raise SystemExit("error: llama_decode failed; the lines above say why")
        return int(numpy.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context, -1), (width,)).argmax())

    def generate(ids, new_tokens, tick):
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
        new = []
        while len(new) < new_tokens:
            new.append(next_token([new[-1]] if new else ids))
            tick()
        return new

    peer.answer(options, generate)


if __name__ == "__main__":
    main()
