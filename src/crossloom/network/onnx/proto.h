#pragma once

// The protobuf classes of ONNX, as libonnx is built. For the files that read or write ONNX alone:
// they slow the compiler down.
#ifndef ONNX_ML
#define ONNX_ML 1
#define ONNX_NAMESPACE onnx
#endif
#include <onnx/onnx_pb.h>
