#include "crossloom/data/dataset.h"

#include "crossloom/data/dataset_source.h"

namespace crossloom {

Dataset load_dataset(const std::string& name, const DataOptions& options) {
  return Registry<DatasetSource>::instance().create(name)->load(options);
}

std::vector<std::string> dataset_names() {
  return Registry<DatasetSource>::instance().names();
}

}  // namespace crossloom
