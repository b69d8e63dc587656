#include "crossloom/data/digit_skeletons.h"

#include <array>

namespace crossloom {
namespace {

constexpr bool kCorner = true;

// Drawn by eye; the weights too (assumption: most ones have no flag, most sevens no bar).
// clang-format off
std::array<std::vector<Skeleton>, 10> draw_all() {
  return {{
    {  // 0: closed at the top; closed at the upper right
      {3, {{{.50F, .00F}, {.22F, .14F}, {.10F, .50F}, {.22F, .87F}, {.48F, 1.0F}, {.75F, .86F},
            {.88F, .50F}, {.76F, .13F}, {.47F, .01F}}}},
      {1, {{{.72F, .06F}, {.42F, .02F}, {.14F, .28F}, {.10F, .68F}, {.34F, .99F}, {.70F, .88F},
            {.88F, .52F}, {.80F, .18F}, {.52F, .03F}}}},
    },
    {  // 1: a stroke; with a flag; with flag and foot
      {8, {{{.50F, .00F}, {.50F, .50F}, {.50F, 1.0F}}}},
      {2, {{{.28F, .22F}, {.52F, .00F, kCorner}, {.50F, .50F}, {.50F, 1.0F}}}},
      {.5F, {{{.28F, .20F}, {.52F, .00F, kCorner}, {.50F, 1.0F}}, {{.20F, 1.0F}, {.80F, .98F}}}},
    },
    {  // 2: with a corner at the foot; with a loop; with a wavy foot
      {4, {{{.12F, .24F}, {.36F, .01F}, {.70F, .08F}, {.74F, .34F}, {.46F, .70F},
            {.08F, 1.0F, kCorner}, {.50F, .96F}, {.90F, .97F}}}},
      {3, {{{.14F, .20F}, {.42F, .00F}, {.72F, .12F}, {.70F, .42F}, {.44F, .80F}, {.18F, .98F},
            {.08F, .86F}, {.26F, .78F}, {.56F, .92F}, {.92F, .94F}}}},
      {2, {{{.16F, .16F}, {.44F, .00F}, {.76F, .14F}, {.66F, .48F}, {.34F, .80F},
            {.10F, .96F, kCorner}, {.40F, .88F}, {.66F, 1.0F}, {.94F, .90F}}}},
    },
    {  // 3: two bows; with a flat top; with a small loop between the bows
      {5, {{{.14F, .12F}, {.46F, .00F}, {.76F, .14F}, {.68F, .38F}, {.36F, .47F, kCorner},
            {.72F, .56F}, {.80F, .80F}, {.48F, 1.0F}, {.10F, .90F}}}},
      {1, {{{.14F, .03F}, {.78F, .02F, kCorner}, {.38F, .42F, kCorner}, {.74F, .54F},
            {.80F, .80F}, {.48F, 1.0F}, {.12F, .92F}}}},
      {2, {{{.16F, .10F}, {.50F, .00F}, {.76F, .16F}, {.58F, .42F}, {.36F, .50F}, {.40F, .43F},
            {.72F, .56F}, {.78F, .82F}, {.44F, 1.0F}, {.10F, .92F}}}},
    },
    {  // 4: open at the top; closed; in one stroke
      {5, {{{.18F, .06F}, {.12F, .34F}, {.20F, .53F}, {.48F, .54F}, {.80F, .46F}},
           {{.78F, .00F}, {.72F, .50F}, {.68F, 1.0F}}}},
      {1, {{{.64F, .00F, kCorner}, {.06F, .64F, kCorner}, {.92F, .62F}},
           {{.64F, .00F}, {.66F, .50F}, {.64F, 1.0F}}}},
      {3, {{{.16F, .04F}, {.10F, .38F}, {.34F, .52F}, {.66F, .40F}, {.78F, .06F, kCorner},
            {.72F, .50F}, {.64F, 1.0F}}}},
    },
    {  // 5: bow, then roof; in one stroke; round
      {3, {{{.26F, .04F}, {.20F, .42F, kCorner}, {.52F, .38F}, {.76F, .62F}, {.60F, .92F},
            {.30F, 1.0F}, {.06F, .92F}}, {{.26F, .04F}, {.56F, .03F}, {.86F, .00F}}}},
      {3, {{{.88F, .00F}, {.36F, .04F, kCorner}, {.26F, .42F, kCorner}, {.58F, .42F}, {.74F, .66F},
            {.52F, .94F}, {.08F, .96F}}}},
      {1, {{{.86F, .02F}, {.46F, .04F}, {.28F, .26F}, {.46F, .44F}, {.72F, .64F}, {.60F, .92F},
            {.28F, 1.0F}, {.06F, .86F}}}},
    },
    {  // 6: with a wide loop; with a small loop
      {3, {{{.64F, .00F}, {.32F, .26F}, {.13F, .64F}, {.24F, .94F}, {.52F, 1.0F}, {.76F, .80F},
            {.66F, .56F}, {.40F, .56F}, {.18F, .80F}}}},
      {2, {{{.46F, .00F}, {.22F, .34F}, {.12F, .74F}, {.32F, 1.0F}, {.62F, .90F}, {.62F, .68F},
            {.38F, .66F}, {.20F, .86F}}}},
    },
    {  // 7: plain; with a bar; with a hook; curved
      {5, {{{.10F, .08F}, {.46F, .08F}, {.82F, .04F, kCorner}, {.60F, .48F}, {.42F, 1.0F}}}},
      {1.5F, {{{.10F, .08F}, {.82F, .04F, kCorner}, {.58F, .50F}, {.40F, 1.0F}},
              {{.32F, .54F}, {.80F, .48F}}}},
      {2, {{{.10F, .24F}, {.14F, .05F, kCorner}, {.48F, .08F}, {.80F, .04F, kCorner},
            {.62F, .46F}, {.50F, 1.0F}}}},
      {2, {{{.12F, .14F}, {.40F, .04F}, {.72F, .10F}, {.70F, .34F}, {.56F, .66F}, {.46F, 1.0F}}}},
    },
    {  // 8: begun at the upper right; begun in the middle; two loops
      {4, {{{.74F, .12F}, {.44F, .00F}, {.20F, .18F}, {.40F, .42F}, {.66F, .64F}, {.66F, .88F},
            {.40F, 1.0F}, {.18F, .84F}, {.32F, .60F}, {.62F, .36F}, {.76F, .12F}}}},
      {2, {{{.46F, .46F}, {.22F, .26F}, {.42F, .01F}, {.70F, .16F}, {.56F, .42F}, {.26F, .66F},
            {.24F, .92F}, {.52F, 1.0F}, {.70F, .80F}, {.46F, .46F}}}},
      {1, {{{.48F, .46F}, {.22F, .28F}, {.44F, .00F}, {.72F, .20F}, {.48F, .46F}},
           {{.48F, .46F}, {.20F, .74F}, {.46F, 1.0F}, {.74F, .74F}, {.48F, .46F}}}},
    },
    {  // 9: with a straight stem; with a tail; begun at the stem
      {4, {{{.74F, .14F}, {.48F, .00F}, {.20F, .16F}, {.22F, .40F}, {.48F, .44F},
            {.74F, .16F, kCorner}, {.70F, .56F}, {.62F, 1.0F}}}},
      {1, {{{.76F, .12F}, {.46F, .00F}, {.18F, .20F}, {.30F, .44F}, {.58F, .38F},
            {.76F, .10F, kCorner}, {.76F, .60F}, {.58F, .94F}, {.24F, .96F}}}},
      {2, {{{.66F, .08F}, {.40F, .04F}, {.18F, .28F}, {.38F, .44F}, {.64F, .24F}, {.72F, .12F},
            {.62F, .50F}, {.46F, 1.0F}}}},
    },
  }};
}
// clang-format on

}  // namespace

const std::vector<Skeleton>& digit_skeletons(int digit) {
  static const std::array<std::vector<Skeleton>, 10> skeletons = draw_all();
  return skeletons.at(static_cast<std::size_t>(digit));
}

}  // namespace crossloom
