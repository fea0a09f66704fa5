"""Multiply a few rows by weights that lie in panels, in the order in which the product reads them.

A BLAS library rearranges the weights at every product, which takes as long as multiplying by them where there are
few rows, as in a step of a recurrent layer. Here that is done once a window. `multiply_rows` is the inner kernel of
Goto & van de Geijn 2008, "Anatomy of high-performance matrix multiplication": a tile of the result stays in registers.
Each number is summed in one order, whatever rows are beside it: threads may take any rows.
"""

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils, config

from rnnexp.compute.jit import jit
from rnnexp.compute.jit.instructions import instructions
from rnnexp.compute.workspace import Workspace

# The width is compiled in. Where numba is told what to compile for, so that several kinds of processors share what it
# keeps, all of them need the same.
SHARED = getattr(config, "CPU_NAME", None) or getattr(config, "CPU_FEATURES", None)
REGISTER = 64 if not SHARED and binding.get_host_cpu_features().get("avx512f") else 32  # bytes
# A panel is two registers wide; with the sums of 6 rows, a number of each and the panel's, it fills 15 of AVX's 16.
WIDTH_BYTES, MOST_ROWS = 2 * REGISTER, 6


def panels(U, workspace: Workspace):
    """Return weights U (G, K, H) as panels (G, panels, K, columns), the last filled up with zeros."""
    G, K, H = U.shape
    columns = WIDTH_BYTES // U.itemsize
    out = workspace.array("panels", (G, -(-H // columns), K, columns))
    fill(U, out)
    return out


@jit
def fill(U, out):
    """Put weights in place; both as in `panels`."""
    for g in range(len(U)):
        for panel in range(out.shape[1]):
            first = panel * out.shape[3]
            left = min(out.shape[3], U.shape[2] - first)
            for k in range(U.shape[1]):
                for j in range(left):
                    out[g, panel, k, j] = U[g, k, first + j]
                for j in range(left, out.shape[3]):
                    out[g, panel, k, j] = 0


@jit
def multiply(v, U, out):
    """Set out[g] = v @ U[g] for every gate g: v (B, K), U (G, panels, K, columns), out (G, B, H); rows contiguous."""
    for g in range(len(U)):
        multiply_gate(v, U[g], False, out[g])


@jit
def multiply_back(d, U, total):
    """Add d @ U of one gate to `total`: d (B, K), U (panels, K, columns), total (B, H)."""
    multiply_gate(d, U, True, total)


@jit
def multiply_gate(v, U, adds, out):
    """Set out = v @ U, or add it."""
    (B, K), H = v.shape, out.shape[1]
    blocks, from_v, from_out = (B + MOST_ROWS - 1) // MOST_ROWS, v.strides[0], out.strides[0]
    for panel in range(len(U)):
        first_column, at = panel * U.shape[2], address(U[panel], 0, 0)
        columns = min(U.shape[2], H - first_column)
        for block in range(blocks):
            first, last = B * block // blocks, B * (block + 1) // blocks
            at_v, at_out, rows = address(v, first, 0), address(out, first, first_column), last - first
            # the compiler takes a number that is written, as here
            if rows == 6:
                multiply_rows(6, U, at_v, from_v, at, K, at_out, from_out, columns, adds)
            elif rows == 5:
                multiply_rows(5, U, at_v, from_v, at, K, at_out, from_out, columns, adds)
            elif rows == 4:
                multiply_rows(4, U, at_v, from_v, at, K, at_out, from_out, columns, adds)
            elif rows == 3:
                multiply_rows(3, U, at_v, from_v, at, K, at_out, from_out, columns, adds)
            elif rows == 2:
                multiply_rows(2, U, at_v, from_v, at, K, at_out, from_out, columns, adds)
            else:
                multiply_rows(1, U, at_v, from_v, at, K, at_out, from_out, columns, adds)


@jit
def address(a, row, column):
    """Return where in memory a number of a matrix stands."""
    return a.ctypes.data + row * a.strides[0] + column * a.itemsize


@instructions
def multiply_rows(typing, rows, U, v, from_v, panel, K, out, from_out, columns, adds):
    """Set the first `columns` of out (rows, ...) = v (rows, K) @ panel (K, ...), or add to them.

    rows : a literal number; the compiled code keeps the sums of so many rows in registers.
    U : an array of the panel's type.
    v, panel, out : where they begin in memory; from_v, from_out : bytes from a row of theirs to the next.
    """

    def write(context, builder, signature, given):
        write_product(builder, rows.literal_value, context.get_value_type(U.dtype), *given[2:])
        return context.get_dummy_value()

    return types.void(rows, U, *[types.intp] * 7, types.boolean), write


def write_product(
    builder: ir.IRBuilder, rows: int, real, v, from_v, panel, K, out, from_out, columns, adds
) -> None:
    """Write LLVM's instructions of `multiply_rows`, of numbers of the type `real`."""
    integer, bits = K.type, {ir.FloatType: 32, ir.DoubleType: 64}[type(real)]
    size = WIDTH_BYTES * 8 // bits
    vector, kind = ir.VectorType(real, size), f"v{size}f{bits}"
    zeros, none, one = ir.Constant(vector, [0.0] * size), ir.Constant(integer, 0), ir.Constant(integer, 1)

    def call(name: str, returns, *arguments):
        of = ir.FunctionType(returns, [argument.type for argument in arguments])
        return builder.call(cgutils.get_or_insert_function(builder.module, of, name), arguments)

    def all_alike(value):
        first = builder.insert_element(
            ir.Constant(ir.VectorType(value.type, size), ir.Undefined), value, ir.IntType(32)(0)
        )
        return builder.shuffle_vector(
            first, first, ir.Constant(ir.VectorType(ir.IntType(32), size), [0] * size)
        )

    def at(base, number, size_of_one, of):
        distance = builder.mul(number, size_of_one)
        return builder.inttoptr(builder.add(base, distance), of.as_pointer())

    before, loop = builder.block, builder.append_basic_block("loop")
    builder.branch(loop)
    builder.position_at_end(loop)
    k, *sums = builder.phi(integer), *(builder.phi(vector) for _ in range(rows))
    factors = builder.load(at(panel, k, integer(WIDTH_BYTES), vector), align=bits // 8)
    here = builder.add(v, builder.mul(k, integer(bits // 8)))
    products = [
        call(
            f"llvm.fmuladd.{kind}",
            vector,
            all_alike(builder.load(at(here, integer(row), from_v, real))),
            factors,
            total,
        )
        for row, total in enumerate(sums)
    ]
    following = builder.add(k, one)
    for phi, first, next_one in zip([k, *sums], [none] + [zeros] * rows, [following, *products]):
        phi.add_incoming(first, before)
        phi.add_incoming(next_one, loop)
    after = builder.append_basic_block("after")
    builder.cbranch(builder.icmp_signed("<", following, K), loop, after)
    builder.position_at_end(after)
    places = ir.Constant(ir.VectorType(integer, size), list(range(size)))
    written = builder.icmp_signed("<", places, all_alike(columns))
    read = builder.and_(written, all_alike(adds))
    align = ir.IntType(32)(bits // 8)
    for row, total in enumerate(products):
        place = at(out, integer(row), from_out, vector)
        old = call(f"llvm.masked.load.{kind}.p0", vector, place, align, read, zeros)
        call(f"llvm.masked.store.{kind}.p0", ir.VoidType(), builder.fadd(old, total), place, align, written)
