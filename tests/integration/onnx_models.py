#!/usr/bin/env python3
"""Networks of torchvision, and a BERT in plain PyTorch, exported to ONNX: crossloom computes what
PyTorch does. Random weights and statistics.

    onnx_models.py ONNX_LOGITS
"""
import math
import pathlib
import subprocess
import sys
import tempfile
import unittest
import warnings

try:
    import numpy as np
    import torch
    import torchvision
except ImportError as error:
    print(f"skipped: {error} (tools/install.sh --with-tests installs it)")
    sys.exit(77)

HELPER = pathlib.Path(sys.argv[1]).resolve()
MODELS = torchvision.models


def randomise(model):
    """Statistics of batch normalisations, and what torchvision starts with zeros."""
    for parameter in model.parameters():
        if parameter.abs().max() == 0:
            torch.nn.init.normal_(parameter, 0, 0.02)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)


class Embeddings(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.word_embeddings = torch.nn.Embedding(30522, channels)
        self.position_embeddings = torch.nn.Embedding(512, channels)
        self.token_type_embeddings = torch.nn.Embedding(2, channels)
        self.LayerNorm = torch.nn.LayerNorm(channels, eps=1e-12)

    def forward(self, ids, types):
        positions = torch.arange(ids.shape[1]).unsqueeze(0)
        return self.LayerNorm(self.word_embeddings(ids) + self.token_type_embeddings(types)
                              + self.position_embeddings(positions))


class SelfAttention(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.heads = channels // 64
        self.query, self.key, self.value = (torch.nn.Linear(channels, channels) for _ in range(3))

    def forward(self, x, mask):
        def split(y):
            return y.view(y.shape[0], y.shape[1], self.heads, 64).permute(0, 2, 1, 3)
        q, k, v = split(self.query(x)), split(self.key(x)), split(self.value(x))
        weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(64) + mask, dim=-1)
        y = (weights @ v).permute(0, 2, 1, 3).contiguous()
        return y.view(y.shape[0], y.shape[1], -1)


class Output(torch.nn.Module):
    def __init__(self, inputs, channels):
        super().__init__()
        self.dense = torch.nn.Linear(inputs, channels)
        self.LayerNorm = torch.nn.LayerNorm(channels, eps=1e-12)

    def forward(self, x, residual):
        return self.LayerNorm(self.dense(x) + residual)


def module(**children):
    made = torch.nn.Module()
    for name, child in children.items():
        setattr(made, name, child)
    return made


class BertForQuestions(torch.nn.Module):
    """BERT with the names of Hugging Face's BertForQuestionAnswering, without its library."""

    def __init__(self, channels, layers):
        super().__init__()
        self.bert = module(embeddings=Embeddings(channels), encoder=module(layer=torch.nn.ModuleList(
            module(attention=module(self=SelfAttention(channels), output=Output(channels, channels)),
                   intermediate=module(dense=torch.nn.Linear(channels, 4 * channels)),
                   output=Output(4 * channels, channels)) for _ in range(layers))))
        self.qa_outputs = torch.nn.Linear(channels, 2)

    def forward(self, input_ids, attention_mask, token_type_ids):
        mask = (1.0 - attention_mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
        x = self.bert.embeddings(input_ids, token_type_ids)
        for layer in self.bert.encoder.layer:
            x = layer.attention.output(layer.attention.self(x, mask), x)
            x = layer.output(torch.nn.functional.gelu(layer.intermediate.dense(x)), x)
        start, end = self.qa_outputs(x).split(1, dim=-1)
        return start.squeeze(-1), end.squeeze(-1)


class OnnxModels(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(1)
        torch.set_num_threads(1)
        warnings.filterwarnings("ignore")
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)

    def tearDown(self):
        self.temporary.cleanup()

    def export(self, model, inputs, opset, axes=None, names=("input",)):
        path = self.folder / "model.onnx"
        torch.onnx.export(model, inputs, str(path), opset_version=opset, input_names=list(names),
                          dynamic_axes=axes and {name: axes for name in names})
        return path

    def outputs(self, model, weights, inputs):
        """Outputs of crossloom, and of the network written and read again."""
        out = self.folder / "out"
        paths = []
        for i, value in enumerate(inputs):
            paths.append(self.folder / f"in{i}.npy")
            np.save(paths[-1], value.numpy())
        result = subprocess.run([HELPER, model, weights, out, *paths], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.said = result.stdout.strip()
        return tuple([np.load(path) for path in sorted(self.folder.glob(pattern))]
                     for pattern in ("out.[0-9].npy", "out.again.[0-9].npy"))

    def assert_same(self, model, path, weights, inputs):
        model.eval()
        with torch.no_grad():
            expected = model(*inputs)
        expected = [y.numpy() for y in (expected if isinstance(expected, tuple) else (expected,))]
        given, again = self.outputs(path, weights, inputs)
        self.assertEqual(len(given), len(expected))
        for y, z, truth in zip(given, again, expected):
            self.assertEqual(y.shape, truth.shape)
            largest = np.abs(truth).max()
            error = np.abs(y - truth).max() / largest
            change = np.abs(z - y).max() / largest
            print(f"    {self.said}: error {error:.1e}, written and read again {change:.1e}")
            self.assertLess(error, 1e-4)
            self.assertLess(change, 1e-6)

    def check_vision(self, name, opset, batch_is_open, **options):
        with self.subTest(name=name, opset=opset, batch_is_open=batch_is_open):
            model = getattr(MODELS, name)(weights=None, **options).eval()
            randomise(model)
            path = self.export(model, torch.rand(1, 3, 224, 224), opset,
                               {0: "batch"} if batch_is_open else None)
            print(f"  {name}, opset {opset}, batch {'open' if batch_is_open else 'of one'}")
            self.assert_same(model, path, "-", (torch.randn(3, 3, 224, 224),))

    def test_residual_networks(self):
        self.check_vision("resnet18", 17, True)
        self.check_vision("resnet18", 9, False)
        self.check_vision("resnet50", 13, False)

    def test_mobile_networks(self):
        self.check_vision("mobilenet_v3_small", 17, True)
        self.check_vision("mobilenet_v3_small", 9, False)
        self.check_vision("mobilenet_v3_large", 14, True)
        self.check_vision("mobilenet_v2", 10, True)
        self.check_vision("squeezenet1_0", 9, True)
        self.check_vision("shufflenet_v2_x1_0", 17, True)

    def test_other_convolutional_networks(self):
        self.check_vision("densenet121", 17, True)
        self.check_vision("efficientnet_b0", 17, False)
        self.check_vision("googlenet", 12, True, aux_logits=False, init_weights=False)
        self.check_vision("convnext_tiny", 17, True)

    def test_vision_transformers(self):
        self.check_vision("vit_b_16", 17, True)
        self.check_vision("vit_b_16", 13, False)

    def bert_inputs(self, batch, tokens):
        mask = torch.ones(batch, tokens, dtype=torch.long)
        mask[0, tokens // 2:] = 0
        types = torch.zeros(batch, tokens, dtype=torch.long)
        types[:, 5:] = 1
        return torch.randint(0, 30522, (batch, tokens)), mask, types

    def test_bert(self):
        model = BertForQuestions(256, 4).eval()
        names = ("input_ids", "attention_mask", "token_type_ids")
        inputs = self.bert_inputs(2, 40)
        weights = self.folder / "bert.pth"
        for wrapped in (model.state_dict(),
                        {"state_dict": {"module." + k: v for k, v in model.state_dict().items()}}):
            torch.save(wrapped, weights)
            print("  BERT-mini, built in, weights from PyTorch")
            self.assert_same(model, "bert_mini_squad", weights, inputs)
        for opset, axes in ((17, {0: "batch", 1: "sequence"}), (11, {0: "batch"}), (14, None)):
            with self.subTest(opset=opset, axes=axes):
                path = self.export(model, self.bert_inputs(1, 40), opset, axes, names)
                print(f"  BERT-mini, opset {opset}, open: {axes}")
                self.assert_same(model, path, "-", inputs)
        path = self.export(model, self.bert_inputs(1, 40), 17, {0: "batch", 1: "sequence"}, names)
        self.assert_same(model, path, "-", self.bert_inputs(2, 17))

    def test_pytorch_files_that_hold_no_state_dict(self):
        model = torch.nn.Linear(2, 2)
        path = self.folder / "weights.pth"
        cases = [("an object of", lambda: torch.save(model, path)),
                 ("before 1.6", lambda: torch.save(model.state_dict(), path,
                                                   _use_new_zipfile_serialization=False)),
                 ("no tensors", lambda: torch.save({"a": 1}, path)),
                 ("damaged", lambda: path.write_bytes(path.read_bytes()[:300])),
                 ("no file of PyTorch", lambda: path.write_bytes(b"hello world"))]
        for part, write in cases:
            with self.subTest(part=part):
                write()
                result = subprocess.run([HELPER, "mlp", path, self.folder / "out", "absent.npy"],
                                        capture_output=True, text=True)
                self.assertEqual(result.returncode, 2)
                self.assertIn(part, result.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=1)
