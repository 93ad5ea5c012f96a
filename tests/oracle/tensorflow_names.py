"""TensorFlow's names for operations, and ours for the same."""

from __future__ import annotations

DTYPES = "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool complex64 complex128 string"
BINARY = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "pow": "Pow",
    "matmul": "MatMul",
    "equal": "Equal",
    "less": "Less",
    "greater": "Greater",
    "maximum": "maximum",
    "minimum": "minimum",
    "floordiv": "floor_divide",
    "not_equal": "not_equal",
    "less_equal": "LessOrEqual",
    "greater_equal": "GreaterOrEqual",
    "logical_and": "And",
    "logical_or": "Or",
    "truediv": "Div",
}
UNARY = {
    "identity": "Identity",
    "exp": "Exp",
    "sqrt": "Sqrt",
    "square": "square",
    "negative": "Neg",
    "abs": "Abs",
    "sin": "sin",
    "cos": "cos",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "floor": "Floor",
    "log": "Log",
    "round": "round",
    "sign": "sign",
    "logical_not": "Not",
    "zeros_like": "zeros_like",
    "ones_like": "ones_like",
    "shape": "Shape",
}
NEURAL = {"relu": "Relu", "softmax": "Softmax", "sigmoid": "Sigmoid", "tanh": "Tanh"}
REDUCTIONS = {
    "reduce_sum": "ReduceSum",
    "reduce_mean": "ReduceMean",
    "reduce_max": "ReduceMax",
    "reduce_min": "ReduceMin",
}
THEIR_NAMES = {"Variable": "_EagerConst", "BatchMatMulV2": "MatMul"}
