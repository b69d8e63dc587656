#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <ATen/ATen.h>

#include "crossloom/data/dataset.h"
#include "crossloom/data/image_transform.h"

namespace crossloom {

/// Labelled images of one shape that are read one by one. All methods may be called from several
/// threads at once.
class Examples {
 public:
  virtual ~Examples() = default;

  virtual std::int64_t size() const = 0;

  /// Image `i`, [C, H, W] uint8, contiguous. It may share its memory with others: not to be
  /// written to. Throws `ConfigError` when its file is damaged.
  virtual Tensor image(std::int64_t i) const = 0;

  /// Class index of image `i`.
  virtual std::int64_t label(std::int64_t i) const = 0;

  /// Where the images came from, or how they were made.
  virtual std::string provenance() const = 0;
};

/// The images of `split`, as they are.
std::unique_ptr<Examples> examples_of(const Split& split, const std::string& provenance);

enum class Subset { kTrain, kTest };

/// The images that `source` names, each brought to `shape` [C, H, W] by `fit_to_crop`:
///
///   NAME[:FOLDER]      a data set that `load_dataset` knows; FOLDER is looked at first
///   imagenet[:FOLDER]  the pictures in FOLDER; without it imagenet/val, or for training
///                      imagenet/train_sample or imagenet/train, in the places where data are
///   images:FOLDER      the pictures in FOLDER, whichever the subset (see `ImageFolder`)
///
/// Throws `ConfigError` when there are no such images, when they are damaged, or when their
/// channels are not those of `shape`.
std::unique_ptr<Examples> open_examples(const std::string& source,
                                        Subset subset,
                                        at::IntArrayRef shape,
                                        const DataOptions& options,
                                        Interpolation interpolation = Interpolation::kBilinear);

/// The data set `source`, NAME[:FOLDER], with the images of both subsets in memory, as training
/// needs them: those of `load_dataset` as they are, pictures of imagenet brought to `shape`.
Dataset open_dataset(const std::string& source, at::IntArrayRef shape, const DataOptions& options);

/// Whether `source` names a data set that `open_dataset` knows, whether or not it is there.
bool is_dataset(const std::string& source);

}  // namespace crossloom
