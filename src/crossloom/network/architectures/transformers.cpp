#include "crossloom/network/architectures/builder.h"

namespace crossloom::architectures {
namespace {

struct VitSize {
  std::int64_t channels, heads, blocks;
};

/// One layer norm, two products with GELU between, and the sum with what came in.
void add_mlp(Builder& b,
             const std::string& norm,
             const std::string& first,
             const std::string& second,
             std::int64_t channels,
             std::int64_t hidden,
             double epsilon) {
  const std::size_t input = b.last();
  b.layer_norm(norm, channels, epsilon);
  b.linear(first, channels, hidden);
  b.apply(first + ".gelu", "Gelu");
  b.linear(second, hidden, channels);
  b.add_to(second + ".add", input);
}

/// Vision transformer of 16 x 16 patches, names of timm. Sources: A. Dosovitskiy et al.,
/// arXiv:2010.11929; H. Touvron et al., arXiv:2012.12877.
Network vision_transformer(const std::string& name, const VitSize& size) {
  constexpr std::int64_t kPatches = 14 * 14;
  constexpr double kEpsilon = 1e-6;
  const std::int64_t channels = size.channels;
  Builder b(name, image_input({3, 224, 224}, imagenet_scaling()));
  b.conv("patch_embed.proj", ProductGeometry::conv(3, channels, 16, 16));
  b.reshape("patch_embed.flatten", {0, channels, kPatches});
  b.transpose("patch_embed.tokens", {0, 2, 1});
  // The class token goes in front: room by padding, then the sum with the token itself.
  b.apply(
      "tokens.room", "Pad", Json::object(), {b.integers("tokens.room.pads", {0, 1, 0, 0, 0, 0})});
  const std::size_t tokens = b.last();
  b.go_back_to(b.parameter("cls_token", {1, 1, channels}));
  b.apply("cls_token.room",
          "Pad",
          Json::object(),
          {b.integers("cls_token.room.pads", {0, 0, 0, 0, kPatches, 0})});
  b.add_to("positions", b.parameter("pos_embed", {1, kPatches + 1, channels}));
  b.add_to("embedded", tokens);
  for (std::int64_t i = 0; i < size.blocks; ++i) {
    const std::string block = "blocks." + std::to_string(i);
    const std::size_t input = b.last();
    b.layer_norm(block + ".norm1", channels, kEpsilon);
    self_attention(
        b, block + ".attn", block + ".attn.qkv", block + ".attn.proj", channels, size.heads);
    b.add_to(block + ".attn.add", input);
    add_mlp(b,
            block + ".norm2",
            block + ".mlp.fc1",
            block + ".mlp.fc2",
            channels,
            4 * channels,
            kEpsilon);
  }
  // Only the class token goes on.
  b.apply("class",
          "Gather",
          {{"axis", 1}},
          {b.constant("class.index", at::scalar_tensor(0, at::kLong))});
  b.layer_norm("norm", channels, kEpsilon);
  b.linear("head", channels, 1000);
  return std::move(b).network();
}

/// Compact convolutional transformer of four blocks. Source: A. Hassani et al., arXiv:2104.05704;
/// names of github Nik212/Compact-Convolutional-Transformer.
Network cct4(const std::string& name) {
  constexpr std::int64_t kChannels = 128;
  constexpr std::int64_t kTokens = 256;
  constexpr double kEpsilon = 1e-5;
  Builder b(name, image_input({3, 32, 32}, {{0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616}}));
  b.conv("tokenizer.tokenizer_layers.0",
         ProductGeometry::conv(3, kChannels, 3, 1, 1),
         /*has_bias=*/false);
  b.apply("tokenizer.relu", "Relu");
  b.max_pool("tokenizer.pool", 3, 2, 1);
  b.reshape("tokenizer.flatten", {0, kChannels, kTokens});
  b.transpose("tokens", {0, 2, 1});
  b.add_to("embedded", b.parameter("positional_embeddings", {1, kTokens, kChannels}));
  for (int i = 0; i < 4; ++i) {
    const std::string block = "blocks." + std::to_string(i);
    const std::string attention = block + ".attention";
    const std::size_t input = b.last();
    b.layer_norm(attention + "_pre_norm", kChannels, kEpsilon);
    self_attention(b, attention, attention + ".in_proj", attention + ".out_proj", kChannels, 4);
    b.add_to(attention + ".add", input);
    add_mlp(b,
            block + ".mlp_pre_norm",
            block + ".mlp.0",
            block + ".mlp.3",
            kChannels,
            2 * kChannels,
            kEpsilon);
  }
  const std::size_t tokens = b.layer_norm("norm", kChannels, kEpsilon);
  // Tokens weighed by a softmax over them.
  b.linear("pool.attention_pool", kChannels, 1);
  b.apply("pool.softmax", "Softmax", {{"axis", 1}});
  b.transpose("pool.weights", {0, 2, 1});
  b.apply("pool", "MatMul", Json::object(), {tokens});
  b.apply("pool.flatten", "Flatten");
  b.linear("fc", kChannels, 10);
  return std::move(b).network();
}

struct BertSize {
  std::int64_t channels, layers;
};

constexpr double kBertEpsilon = 1e-12;
constexpr std::int64_t kVocabulary = 30522;
constexpr std::int64_t kPositions = 512;

/// Sum of the embeddings of words, positions and segments, normalised.
std::size_t bert_embeddings(Builder& b, std::size_t ids, std::size_t types, std::int64_t channels) {
  const std::string name = "bert.embeddings.";
  const auto table = [&](const std::string& which, std::int64_t rows) {
    return b.parameter(name + which + "_embeddings.weight", {rows, channels});
  };
  const auto look_up = [&](const std::string& which, std::int64_t rows, std::size_t index) {
    b.go_back_to(table(which, rows));
    return b.apply(name + which, "Gather", {{"axis", 0}}, {index});
  };
  b.go_back_to(ids);
  const std::size_t length = b.apply(name + "length", "Shape", {{"start", 1}, {"end", 2}});
  const std::size_t zero = b.integers(name + "first", {0});
  b.go_back_to(table("position", kPositions));
  const std::size_t positions =
      b.apply(name + "positions", "Slice", Json::object(), {zero, length, zero});
  const std::size_t segments = look_up("token_type", 2, types);
  look_up("word", kVocabulary, ids);
  b.add_to(name + "with_type", segments);
  b.add_to(name + "with_position", positions);
  return b.layer_norm(name + "LayerNorm", channels, kBertEpsilon);
}

/// [B, T] of ones and zeros -> what is added to the scores: 0 where a token is, -huge elsewhere.
std::size_t bert_mask(Builder& b, std::size_t mask) {
  b.go_back_to(mask);
  b.apply("mask.float", "Cast", {{"to", 1}});
  b.apply("mask.wide", "Unsqueeze", Json::object(), {b.integers("mask.axes", {1, 2})});
  const std::size_t wide = b.last();
  b.go_back_to(b.constant("mask.one", at::scalar_tensor(1.0F)));
  b.apply("mask.absent", "Sub", Json::object(), {wide});
  const std::size_t huge =
      b.constant("mask.huge", at::scalar_tensor(std::numeric_limits<float>::lowest()));
  return b.apply("mask", "Mul", Json::object(), {huge});
}

std::size_t bert_attention(Builder& b,
                           const std::string& name,
                           std::size_t mask,
                           std::int64_t channels) {
  const std::int64_t heads = channels / 64;
  const std::size_t input = b.last();
  const auto project = [&](const std::string& which) {
    b.go_back_to(input);
    b.linear(name + ".self." + which, channels, channels);
    return b.reshape(name + ".self." + which + ".heads", {0, 0, heads, 64});
  };
  project("query");
  const std::size_t query = b.transpose(name + ".self.query.split", {0, 2, 1, 3});
  project("key");
  const std::size_t key = b.transpose(name + ".self.key.split", {0, 2, 3, 1});
  project("value");
  const std::size_t value = b.transpose(name + ".self.value.split", {0, 2, 1, 3});
  b.go_back_to(query);
  b.apply(name + ".self.scores", "MatMul", Json::object(), {key});
  b.apply(name + ".self.scaled",
          "Mul",
          Json::object(),
          {b.constant(name + ".self.scale", at::scalar_tensor(0.125F))});
  b.add_to(name + ".self.masked", mask);
  b.apply(name + ".self.softmax", "Softmax");
  b.apply(name + ".self.mix", "MatMul", Json::object(), {value});
  b.transpose(name + ".self.joined", {0, 2, 1, 3});
  b.reshape(name + ".self.merged", {0, 0, channels});
  b.linear(name + ".output.dense", channels, channels);
  b.add_to(name + ".output.add", input);
  return b.layer_norm(name + ".output.LayerNorm", channels, kBertEpsilon);
}

NetworkInput token_input(const std::string& name) {
  NetworkInput input;
  input.name = name;
  input.sizes = {384};
  input.type = at::kLong;
  return input;
}

/// BERT with a head that marks where an answer starts and ends: logits of both, [B, T] each. Names
/// of Hugging Face. Sources: J. Devlin et al., arXiv:1810.04805; I. Turc et al., arXiv:1908.08962.
Network bert(const std::string& name, const BertSize& size) {
  const std::int64_t channels = size.channels;
  Builder b(name, token_input("input_ids"));
  const std::size_t ids = b.last();
  const std::size_t attention_mask = b.input(token_input("attention_mask"));
  const std::size_t types = b.input(token_input("token_type_ids"));
  const std::size_t mask = bert_mask(b, attention_mask);
  bert_embeddings(b, ids, types, channels);
  for (std::int64_t i = 0; i < size.layers; ++i) {
    const std::string layer = "bert.encoder.layer." + std::to_string(i);
    const std::size_t input = bert_attention(b, layer + ".attention", mask, channels);
    b.linear(layer + ".intermediate.dense", channels, 4 * channels);
    b.apply(layer + ".intermediate.gelu", "Gelu");
    b.linear(layer + ".output.dense", 4 * channels, channels);
    b.add_to(layer + ".output.add", input);
    b.layer_norm(layer + ".output.LayerNorm", channels, kBertEpsilon);
  }
  const std::size_t logits = b.linear("qa_outputs", channels, 2);
  for (const std::int64_t which : {0, 1}) {
    const std::string side = which == 0 ? "start_logits" : "end_logits";
    b.go_back_to(logits);
    b.output(b.apply(side,
                     "Gather",
                     {{"axis", 2}},
                     {b.constant(side + ".index", at::scalar_tensor(which, at::kLong))}));
  }
  return std::move(b).network();
}

}  // namespace

void add_transformers(Table& table) {
  table["deit_tiny_patch16_224"] = [](const std::string& name) {
    return vision_transformer(name, {192, 3, 12});
  };
  table["deit_small_patch16_224"] = [](const std::string& name) {
    return vision_transformer(name, {384, 6, 12});
  };
  table["vit_base_patch16_224"] = [](const std::string& name) {
    return vision_transformer(name, {768, 12, 12});
  };
  table["cct4_cifar10"] = cct4;
  table["bert_tiny_squad"] = [](const std::string& name) { return bert(name, {128, 2}); };
  table["bert_mini_squad"] = [](const std::string& name) { return bert(name, {256, 4}); };
  table["bert_small_squad"] = [](const std::string& name) { return bert(name, {512, 4}); };
  table["bert_base_squad"] = [](const std::string& name) { return bert(name, {768, 12}); };
}

}  // namespace crossloom::architectures
