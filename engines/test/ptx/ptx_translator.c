/* ptx_translator FILE.ptx: prints nvcc's PTX as C, an instruction a statement, for the emulated CUDA runtime. What it
 * does not know it refuses, with the instruction's text (exit status 2). Kernels whose name contains a word given
 * after FILE are left out.
 *
 * PTX ISA, versions 7 to 9: https://docs.nvidia.com/cuda/parallel-thread-execution/ */
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD = 128, MOST_OPERANDS = 5, MOST_NAMES = 64, MOST_KERNELS = 64 };

static const char *path;
static size_t line_number;

static void refuse(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void refuse(const char *format, ...) {
    va_list values;
    fprintf(stderr, "ptx_translator: %s:%zu: ", path, line_number);
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fputc('\n', stderr);
    exit(2);
}

/* --- types --- */

typedef struct type {
    const char *name, *c;
    unsigned bytes;
    bool is_signed, is_float;
} type;

static const type types[] = {{"u8", "uint8_t", 1, false, false},   {"s8", "int8_t", 1, true, false},
                             {"b8", "uint8_t", 1, false, false},   {"u16", "uint16_t", 2, false, false},
                             {"s16", "int16_t", 2, true, false},   {"b16", "uint16_t", 2, false, false},
                             {"u32", "uint32_t", 4, false, false}, {"s32", "int32_t", 4, true, false},
                             {"b32", "uint32_t", 4, false, false}, {"u64", "uint64_t", 8, false, false},
                             {"s64", "int64_t", 8, true, false},   {"b64", "uint64_t", 8, false, false},
                             {"f32", "float", 4, true, true},      {"f64", "double", 8, true, true},
                             {"pred", "bool", 0, false, false}};

static const type *type_named(const char *name) {
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i].name, name)) return &types[i];
    refuse("unknown type .%s", name);
}

/* --- instructions that compute --- */

/* $a, $b and $c are the operands, of the types named after the result's. */
typedef struct rule {
    const char *opcode, *types, *expression;
} rule;

#define INTEGERS(width)                                                                                      \
    {"add.s" #width, "u" #width " u" #width " u" #width, "$a + $b"},                                         \
        {"add.u" #width, "u" #width " u" #width " u" #width, "$a + $b"},                                     \
        {"sub.s" #width, "u" #width " u" #width " u" #width, "$a - $b"},                                     \
        {"sub.u" #width, "u" #width " u" #width " u" #width, "$a - $b"},                                     \
        {"mul.lo.s" #width, "u" #width " u" #width " u" #width, "$a * $b"},                                  \
        {"mul.lo.u" #width, "u" #width " u" #width " u" #width, "$a * $b"},                                  \
        {"mad.lo.s" #width, "u" #width " u" #width " u" #width " u" #width, "$a * $b + $c"},                 \
        {"mad.lo.u" #width, "u" #width " u" #width " u" #width " u" #width, "$a * $b + $c"},                 \
        {"div.s" #width, "s" #width " s" #width " s" #width, "$a / $b"},                                     \
        {"div.u" #width, "u" #width " u" #width " u" #width, "$a / $b"},                                     \
        {"rem.s" #width, "s" #width " s" #width " s" #width, "$a % $b"},                                     \
        {"rem.u" #width, "u" #width " u" #width " u" #width, "$a % $b"},                                     \
        {"min.s" #width, "s" #width " s" #width " s" #width, "$a < $b ? $a : $b"},                           \
        {"min.u" #width, "u" #width " u" #width " u" #width, "$a < $b ? $a : $b"},                           \
        {"max.s" #width, "s" #width " s" #width " s" #width, "$a > $b ? $a : $b"},                           \
        {"max.u" #width, "u" #width " u" #width " u" #width, "$a > $b ? $a : $b"},                           \
        {"neg.s" #width, "u" #width " u" #width, "0 - $a"}, {"not.b" #width, "u" #width " u" #width, "~$a"}, \
        {"and.b" #width, "u" #width " u" #width " u" #width, "$a & $b"},                                     \
        {"or.b" #width, "u" #width " u" #width " u" #width, "$a | $b"},                                      \
        {"xor.b" #width, "u" #width " u" #width " u" #width, "$a ^ $b"},                                     \
        {"shl.b" #width, "u" #width " u" #width " u32", "$b < " #width " ? $a << $b : 0"},                   \
        {"shr.u" #width, "u" #width " u" #width " u32", "$b < " #width " ? $a >> $b : 0"},                   \
        {"shr.b" #width, "u" #width " u" #width " u32", "$b < " #width " ? $a >> $b : 0"}, {                 \
        "shr.s" #width, "s" #width " s" #width " u32", "$a >> ($b < " #width " ? $b : " #width " - 1)"       \
    }

#define COMPARISONS(type)                                                                                    \
    {"setp.eq." #type, "pred " #type " " #type, "$a == $b"},                                                 \
        {"setp.ne." #type, "pred " #type " " #type, "$a != $b"},                                             \
        {"setp.lt." #type, "pred " #type " " #type, "$a < $b"},                                              \
        {"setp.le." #type, "pred " #type " " #type, "$a <= $b"},                                             \
        {"setp.gt." #type, "pred " #type " " #type, "$a > $b"}, {                                            \
        "setp.ge." #type, "pred " #type " " #type, "$a >= $b"                                                \
    }

/* Comparisons of floats: false if a number is NaN, but those with u are true. */
#define FLOATS(type, suffix)                                                                                 \
    {"add.rn." #type, #type " " #type " " #type, "$a + $b"},                                                 \
        {"sub.rn." #type, #type " " #type " " #type, "$a - $b"},                                             \
        {"mul.rn." #type, #type " " #type " " #type, "$a * $b"},                                             \
        {"div.rn." #type, #type " " #type " " #type, "$a / $b"},                                             \
        {"fma.rn." #type, #type " " #type " " #type " " #type, "__builtin_fma" suffix "($a, $b, $c)"},       \
        {"neg." #type, #type " " #type, "-$a"},                                                              \
        {"abs." #type, #type " " #type, "__builtin_fabs" suffix "($a)"},                                     \
        {"setp.eq." #type, "pred " #type " " #type, "$a == $b"},                                             \
        {"setp.ne." #type, "pred " #type " " #type, "$a < $b || $a > $b"},                                   \
        {"setp.lt." #type, "pred " #type " " #type, "$a < $b"},                                              \
        {"setp.le." #type, "pred " #type " " #type, "$a <= $b"},                                             \
        {"setp.gt." #type, "pred " #type " " #type, "$a > $b"},                                              \
        {"setp.ge." #type, "pred " #type " " #type, "$a >= $b"},                                             \
        {"setp.equ." #type, "pred " #type " " #type, "!($a < $b || $a > $b)"},                               \
        {"setp.neu." #type, "pred " #type " " #type, "$a != $b"},                                            \
        {"setp.ltu." #type, "pred " #type " " #type, "!($a >= $b)"},                                         \
        {"setp.leu." #type, "pred " #type " " #type, "!($a > $b)"},                                          \
        {"setp.gtu." #type, "pred " #type " " #type, "!($a <= $b)"},                                         \
        {"setp.geu." #type, "pred " #type " " #type, "!($a < $b)"},                                          \
        {"setp.num." #type, "pred " #type " " #type, "$a == $a && $b == $b"}, {                              \
        "setp.nan." #type, "pred " #type " " #type, "$a != $a || $b != $b"                                   \
    }

#define MOVES(type)                                                                                          \
    {"mov." #type, #type " " #type, "$a"}, {                                                                 \
        "selp." #type, #type " " #type " " #type " pred", "$c ? $a : $b"                                     \
    }

#define CONVERSION(to, from)                                                                                 \
    { "cvt." #to "." #from, #to " " #from, "$a" }
#define ROUNDED_CONVERSION(to, from)                                                                         \
    { "cvt.rn." #to "." #from, #to " " #from, "$a" }

static const rule rules[] = {
    INTEGERS(16),
    INTEGERS(32),
    INTEGERS(64),
    COMPARISONS(s16),
    COMPARISONS(u16),
    COMPARISONS(b16),
    COMPARISONS(s32),
    COMPARISONS(u32),
    COMPARISONS(b32),
    COMPARISONS(s64),
    COMPARISONS(u64),
    COMPARISONS(b64),
    FLOATS(f32, "f"),
    FLOATS(f64, ""),
    MOVES(b16),
    MOVES(u16),
    MOVES(s16),
    MOVES(b32),
    MOVES(u32),
    MOVES(s32),
    MOVES(f32),
    MOVES(b64),
    MOVES(u64),
    MOVES(s64),
    MOVES(f64),
    MOVES(pred),
    CONVERSION(u16, u8),
    CONVERSION(s16, s8),
    CONVERSION(u16, u32),
    CONVERSION(u32, u8),
    CONVERSION(s32, s8),
    CONVERSION(u32, u16),
    CONVERSION(s32, s16),
    CONVERSION(u64, u8),
    CONVERSION(u64, u16),
    CONVERSION(u64, u32),
    CONVERSION(s64, s32),
    CONVERSION(u32, u64),
    CONVERSION(f64, f32),
    ROUNDED_CONVERSION(f32, u16),
    ROUNDED_CONVERSION(f32, s16),
    ROUNDED_CONVERSION(f32, u32),
    ROUNDED_CONVERSION(f32, s32),
    ROUNDED_CONVERSION(f32, u64),
    ROUNDED_CONVERSION(f32, s64),
    ROUNDED_CONVERSION(f64, u32),
    ROUNDED_CONVERSION(f64, s32),
    ROUNDED_CONVERSION(f64, u64),
    ROUNDED_CONVERSION(f64, s64),
    ROUNDED_CONVERSION(f32, f64),
    {"mul.wide.s16", "s32 s16 s16", "(int32_t)$a * $b"},
    {"mul.wide.u16", "u32 u16 u16", "(uint32_t)$a * $b"},
    {"mul.wide.s32", "s64 s32 s32", "(int64_t)$a * $b"},
    {"mul.wide.u32", "u64 u32 u32", "(uint64_t)$a * $b"},
    {"mul.hi.u32", "u32 u32 u32", "(uint64_t)$a * $b >> 32"},
    {"mad.wide.s32", "u64 s32 s32 u64", "(uint64_t)((int64_t)$a * $b) + $c"},
    {"mad.wide.u32", "u64 u32 u32 u64", "(uint64_t)$a * $b + $c"},
    {"max.f32", "f32 f32 f32", "ptx_max_f32($a, $b)"},
    {"min.f32", "f32 f32 f32", "ptx_min_f32($a, $b)"},
    {"and.pred", "pred pred pred", "$a && $b"},
    {"or.pred", "pred pred pred", "$a || $b"},
    {"xor.pred", "pred pred pred", "$a != $b"},
    {"not.pred", "pred pred", "!$a"},
    {"cvta.to.global.u64", "u64 u64", "$a"},
};

/* --- a kernel's names --- */

typedef struct name {
    char text[WORD];
    unsigned at,
        bytes; /* of a parameter or a shared variable; of a register: bytes of the class, 0 for predicates */
} name;

typedef struct kernel {
    char text[WORD];
    name parameter[MOST_NAMES], shared[MOST_NAMES],
        registers[MOST_NAMES]; /* these: "%r", "%rd", ... and "tmp" */
    size_t parameters, shareds, classes;
    unsigned parameter_bytes, shared_bytes;
} kernel;

static kernel kernels[MOST_KERNELS];
static size_t kernel_count;
static unsigned barrier_count;

static name *add_name(name *names, size_t *count, const char *text, unsigned at, unsigned bytes) {
    if (*count == MOST_NAMES) refuse("more than %d names of a kind", MOST_NAMES);
    name *added = &names[(*count)++];
    snprintf(added->text, sizeof added->text, "%s", text);
    added->at = at, added->bytes = bytes;
    return added;
}

static const name *find_name(const name *names, size_t count, const char *text) {
    for (size_t i = 0; i < count; i++)
        if (!strcmp(names[i].text, text)) return &names[i];
    return NULL;
}

/* The class of a register, "%rd12" -> "%rd", or NULL. */
static const name *register_class(const kernel *k, const char *text) {
    char stem[WORD];
    snprintf(stem, sizeof stem, "%s", text);
    size_t length = strlen(stem);
    while (length > 1 && stem[0] == '%' && isdigit((unsigned char)stem[length - 1])) stem[--length] = '\0';
    return find_name(k->registers, k->classes, stem);
}

static void print_register(const char *text) {
    printf("r_%s", text + (*text == '%'));
}

/* --- operands --- */

static const struct {
    const char *name, *c;
} specials[] = {{"%tid.x", "hd_ptx_tid()"},         {"%ntid.x", "hd_ptx_ntid()"},
                {"%ctaid.x", "hd_ptx_ctaid_x()"},   {"%ctaid.y", "hd_ptx_ctaid_y()"},
                {"%nctaid.x", "hd_ptx_nctaid_x()"}, {"%nctaid.y", "hd_ptx_nctaid_y()"}};

static bool print_special(const char *text) {
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
        if (!strcmp(text, specials[i].name)) return printf("%s", specials[i].c) > 0;
    return false;
}

static bool print_symbol(const kernel *k, const char *text) {
    const name *parameter = find_name(k->parameter, k->parameters, text),
               *shared = find_name(k->shared, k->shareds, text);
    if (parameter) return printf("(uint64_t)(uintptr_t)(parameters + %u)", parameter->at) > 0;
    if (shared) return printf("%uu", shared->at) > 0;
    return false;
}

/* A constant's bits. */
static bool print_constant(const char *text, const type *as) {
    char *end;
    if (text[0] == '0' && (text[1] == 'f' || text[1] == 'd') && as->is_float)
        return printf("as_%s(0x%sull)", as->name, text + 2) > 0;
    if (text[0] == '0' && (text[1] == 'f' || text[1] == 'd')) return printf("0x%sull", text + 2) > 0;
    if (as->is_float) return false;
    if (text[0] == '-')
        strtoll(text, &end, 0), printf("(%s)(%sll)", as->c, text);
    else
        strtoull(text, &end, 0), printf("(%s)(%sull)", as->c, text);
    return end != text && !*end;
}

/* The operand as a number of the type. A wider register gives its lower part. */
static void print_operand(const kernel *k, const char *text, const type *as) {
    const name *class = register_class(k, text);
    if (class && as->is_float && class->bytes == as->bytes)
        printf("as_%s(", as->name), print_register(text), putchar(')');
    else if (class && !as->is_float && class->bytes >= as->bytes && (class->bytes == 0) == (as->bytes == 0))
        printf("(%s)", as->c), print_register(text);
    else if (class || !(print_special(text) || print_symbol(k, text) || print_constant(text, as)))
        refuse("operand %s as .%s", text, as->name);
}

static void print_expression(const kernel *k, const char *expression, char operand[][WORD],
                             const type *const *of) {
    for (const char *at = expression; *at; at++) {
        if (*at != '$') {
            putchar(*at);
            continue;
        }
        size_t which = (size_t)(*++at - 'a');
        putchar('('), print_operand(k, operand[which], of[which]), putchar(')');
    }
}

/* Begins the assignment of a value of the type to a register, at least as wide; close with "));". */
static void print_assignment(const kernel *k, const char *to, const type *of) {
    const name *class = register_class(k, to);
    if (!class || class->bytes < of->bytes || (class->bytes == 0) != (of->bytes == 0))
        refuse("a result of type .%s in %s", of->name, to);
    print_register(to);
    if (of->is_float && class->bytes != of->bytes) refuse("a result of type .%s in %s", of->name, to);
    printf(" = %s((%s)(", of->is_float ? (of->bytes == 4 ? "raw_f32" : "raw_f64") : "", of->c);
}

/* --- statements --- */

typedef struct statement {
    char text[512], opcode[WORD], operand[MOST_OPERANDS][WORD];
    size_t count;
} statement;

static char *trimmed(char *text) {
    while (isspace((unsigned char)*text)) text++;
    size_t length = strlen(text);
    while (length && isspace((unsigned char)text[length - 1])) text[--length] = '\0';
    return text;
}

/* Splits "a, [b+4], {c, d}" at the commas outside of brackets. */
static size_t split(const char *text, char part[][WORD], size_t most) {
    size_t count = 0, length = 0;
    int depth = 0;
    if (!*text) return 0;
    for (const char *at = text;; at++) {
        depth += (*at == '[' || *at == '{') - (*at == ']' || *at == '}');
        if (*at && !(*at == ',' && depth == 0)) {
            if (count == most || length + 1 == WORD) refuse("too many or too long operands: %s", text);
            if (length || !isspace((unsigned char)*at)) part[count][length++] = *at;
            continue;
        }
        part[count][length] = '\0';
        memmove(part[count], trimmed(part[count]), strlen(trimmed(part[count])) + 1);
        count++, length = 0;
        if (!*at) return count;
    }
}

static const rule *rule_of(const char *opcode) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (!strcmp(rules[i].opcode, opcode)) return &rules[i];
    return NULL;
}

static void compute(const kernel *k, const rule *by, statement *s) {
    const type *of[MOST_OPERANDS];
    char words[64], *rest = words;
    size_t count = 0;
    snprintf(words, sizeof words, "%s", by->types);
    for (char *word; (word = strsep(&rest, " "));) of[count++] = type_named(word);
    if (s->count != count) refuse("%zu operands, not %zu: %s", s->count, count, s->text);
    print_assignment(k, s->operand[0], of[0]);
    print_expression(k, by->expression, s->operand + 1, of + 1);
    printf("));");
}

/* Writes base and offset of "[base+offset]". */
static long offset_of(const char *address, char base[WORD]) {
    char *plus;
    if (*address != '[') refuse("no address: %s", address);
    snprintf(base, WORD, "%s", address + 1);
    base[strcspn(base, "]")] = '\0';
    plus = strchr(base, '+');
    if (!plus) return 0;
    *plus = '\0';
    return strtol(plus + 1, NULL, 10);
}

static void print_place(const kernel *k, const statement *s, const char *space, const char *address,
                        unsigned bytes, const char *kind) {
    char base[WORD];
    long offset = offset_of(address, base);
    const type *u64 = type_named("u64"), *u32 = type_named("u32");
    const name *class = register_class(k, base);
    if (!strcmp(space, "shared")) {
        printf("ptx_shared((");
        print_operand(k, base, class && class->bytes == 8 ? u64 : u32);
        printf(") + (uint64_t)(%ld), %u, %s, \"%s\")", offset, bytes, kind, s->text);
    } else if (!strcmp(space, "param")) {
        printf("ptx_parameter((const char *)(uintptr_t)((");
        print_operand(k, base, u64);
        printf(") + (%ld)), %u, parameters, PARAMETERS, \"%s\")", offset, bytes, s->text);
    } else {
        printf("ptx_global((");
        print_operand(k, base, u64);
        printf(") + (uint64_t)(%ld), %u, %s, \"%s\")", offset, bytes, kind, s->text);
    }
}

/* ld and st: [.volatile] [.space] [.nc] [.v2 | .v4] .type */
static void move(const kernel *k, statement *s) {
    char words[WORD], *rest = words, part[4][WORD];
    const char *space = "generic", *last = "", *kind;
    bool volatile_ = false, load = !strncmp(s->opcode, "ld.", 3);
    size_t vector = 1;
    snprintf(words, sizeof words, "%s", s->opcode + 3);
    for (char *word; (word = strsep(&rest, ".")); last = word) {
        if (!strcmp(word, "v2"))
            vector = 2;
        else if (!strcmp(word, "v4"))
            vector = 4;
        else if (!strcmp(word, "global") || !strcmp(word, "shared") || !strcmp(word, "param"))
            space = word;
        else if (!strcmp(word, "volatile"))
            volatile_ = true;
        else if (rest && strcmp(word, "nc") != 0)
            refuse("not known: %s", s->text);
    }
    const type *of = type_named(last);
    char *data = s->operand[load ? 0 : 1];
    if (s->count != 2 || (!load && !strcmp(space, "param"))) refuse("not known: %s", s->text);
    if (*data == '{') data++, data[strcspn(data, "}")] = '\0';
    if (split(data, part, 4) != vector) refuse("not %zu numbers: %s", vector, s->text);
    kind = !load ? "HD_SHADOW_WRITE" : volatile_ ? "HD_SHADOW_VOLATILE" : "HD_SHADOW_READ";
    printf("%schar *at = ", load ? "const " : "");
    print_place(k, s, space, s->operand[load ? 1 : 0], of->bytes * (unsigned)vector, kind);
    putchar(';');
    for (size_t i = 0; i < vector; i++) {
        const type *raw = of->bytes == 4 ? type_named("b32") : type_named("b64");
        if (load) {
            print_assignment(k, part[i], of->is_float ? raw : of);
            printf("ptx_load%u(at + %zu)));", 8 * of->bytes, i * of->bytes);
        } else {
            printf(" ptx_store%u(at + %zu, ", 8 * of->bytes, i * of->bytes);
            if (part[i][0] == '0' && part[i][1] == 'f')
                printf("0x%su", part[i] + 2);
            else
                print_operand(k, part[i], of->is_float ? raw : of);
            printf(");");
        }
    }
}

static void branch(statement *s) {
    if (s->count != 1 || s->operand[0][0] != '$') refuse("not known: %s", s->text);
    printf("goto %s;", s->operand[0] + 1);
}

static void shuffle(const kernel *k, statement *s) {
    const type *u32 = type_named("u32");
    char *inside = strchr(s->operand[0], '|');
    if (s->count != 5) refuse("not known: %s", s->text);
    if (inside) *inside++ = '\0';
    printf("bool inside; uint32_t got = hd_ptx_shuffle_down(");
    for (size_t i = 1; i < 5; i++)
        print_operand(k, s->operand[i], u32), printf("%s", i < 4 ? ", " : ", &inside); ");
    print_assignment(k, s->operand[0], u32), printf("got));");
    if (inside) print_assignment(k, inside, type_named("pred")), printf("inside));");
}

static void atomic(const kernel *k, statement *s) {
    bool min = !strcmp(s->opcode, "atom.global.min.u64");
    const type *of = type_named(min ? "u64" : "u32");
    char base[WORD];
    if (!min && strcmp(s->opcode, "atom.shared.add.u32") != 0) refuse("not known: %s", s->text);
    if (s->count != 3) refuse("not known: %s", s->text);
    long offset = offset_of(s->operand[1], base);
    const name *class = register_class(k, base);
    print_assignment(k, s->operand[0], of);
    printf("%s((", min ? "ptx_atomic_min" : "ptx_atomic_add_shared");
    print_operand(k, base, type_named(class && class->bytes == 8 ? "u64" : "u32"));
    printf(") + (uint64_t)(%ld), ", offset);
    print_operand(k, s->operand[2], of);
    printf(", \"%s\")));", s->text);
}

/* mov.b64 {low, high}, from */
static void unpack(const kernel *k, statement *s) {
    const type *u32 = type_named("u32"), *u64 = type_named("u64");
    char part[2][WORD], *data = s->operand[0] + 1;
    data[strcspn(data, "}")] = '\0';
    if (s->count != 2 || split(data, part, 2) != 2) refuse("not known: %s", s->text);
    for (size_t i = 0; i < 2; i++) {
        print_assignment(k, part[i], u32);
        print_operand(k, s->operand[1], u64);
        printf(" >> %zu));", 32 * i);
    }
}

static void print_statement(kernel *k, char *text) {
    statement s = {.count = 0};
    snprintf(s.text, sizeof s.text, "%s", text);
    for (char *at = s.text; *at; at++)
        if (*at == '\t') *at = ' ';
    if (*text == '@') {
        char *end = text + strcspn(text, " \t");
        bool not = text[1] == '!';
        *end = '\0';
        printf("if (%s", not ? "!" : ""), print_operand(k, text + 1 + not, type_named("pred")), printf(") ");
        text = trimmed(end + 1);
    }
    size_t length = strcspn(text, " \t");
    if (length >= WORD) refuse("not known: %s", s.text);
    snprintf(s.opcode, sizeof s.opcode, "%.*s", (int)length, text);
    s.count = split(trimmed(text + length), s.operand, MOST_OPERANDS);
    const rule *by = rule_of(s.opcode);
    printf("{ ");
    if (!strcmp(s.opcode, "mov.b64") && s.operand[0][0] == '{')
        unpack(k, &s);
    else if (by)
        compute(k, by, &s);
    else if (!strncmp(s.opcode, "ld.", 3) || !strncmp(s.opcode, "st.", 3))
        move(k, &s);
    else if (!strcmp(s.opcode, "bra") || !strcmp(s.opcode, "bra.uni"))
        branch(&s);
    else if (!strcmp(s.opcode, "ret") && s.count == 0)
        printf("return;");
    else if (!strcmp(s.opcode, "bar.sync") && s.count == 1 && !strcmp(s.operand[0], "0"))
        printf("hd_ptx_barrier(%u);", barrier_count++);
    else if (!strcmp(s.opcode, "shfl.sync.down.b32"))
        shuffle(k, &s);
    else if (!strncmp(s.opcode, "atom.", 5))
        atomic(k, &s);
    else
        refuse("not known: %s", s.text);
    printf(" }\n");
}

/* --- declarations --- */

static unsigned aligned(unsigned at, unsigned to) {
    return (at + to - 1) / to * to;
}

/* ".reg .b32 %r<91>", or ".reg .b32 tmp" */
static void declare_registers(kernel *k, const char *text) {
    char kind[16], stem[WORD];
    unsigned count = 0;
    int got = sscanf(text, ".reg .%15s %127[^< \t;]<%u>", kind, stem, &count);
    if (got < 2) refuse("not known: %s", text);
    const type *of = type_named(kind);
    if (!find_name(k->registers, k->classes, stem)) add_name(k->registers, &k->classes, stem, 0, of->bytes);
    const char *c = of->bytes == 0   ? "bool"
                    : of->bytes == 2 ? "uint16_t"
                    : of->bytes == 4 ? "uint32_t"
                                     : "uint64_t";
    if (got == 2) printf("%s r_%s = 0;\n", c, stem + (*stem == '%'));
    for (unsigned i = 0; i < count; i++) printf("%s r_%s%u = 0;%s", c, stem + 1, i, i % 4 == 3 ? "\n" : " ");
    if (count) putchar('\n');
}

/* ".shared .align 4 .b8 NAME[8320]", or without the size */
static void declare_shared(kernel *k, const char *text) {
    char kind[16], symbol[WORD];
    unsigned align, count = 1;
    if (sscanf(text, ".shared .align %u .%15s %127[^[;][%u]", &align, kind, symbol, &count) < 3)
        refuse("not known: %s", text);
    k->shared_bytes = aligned(k->shared_bytes, align);
    const type *of = type_named(kind);
    add_name(k->shared, &k->shareds, symbol, k->shared_bytes, of->bytes * count);
    k->shared_bytes += of->bytes * count;
}

/* ".param .align 8 .b8 NAME[40]" or ".param .u64 NAME", with ".ptr .global .align 1" or the like from newer compilers */
static void declare_parameter(kernel *k, char *text) {
    unsigned align = 0, count = 1;
    const type *of = NULL;
    char *rest = text, *word;
    while ((word = strsep(&rest, " \t"))) {
        char *bracket = strchr(word, '[');
        if (!*word || !strcmp(word, ".param") || !strcmp(word, ".global")) continue;
        if (!strcmp(word, ".align")) {
            unsigned long to = strtoul(strsep(&rest, " \t"), NULL, 10);
            if (!of) align = (unsigned)to; /* later ones are a pointer's target's */
        } else if (!strcmp(word, ".ptr")) {
            continue;
        } else if (*word == '.') {
            of = type_named(word + 1);
        } else {
            if (!of) refuse("a parameter without a type: %s", word);
            if (bracket) *bracket = '\0', count = (unsigned)strtoul(bracket + 1, NULL, 10);
            k->parameter_bytes = aligned(k->parameter_bytes, align ? align : of->bytes);
            add_name(k->parameter, &k->parameters, word, k->parameter_bytes, of->bytes * count);
            k->parameter_bytes += of->bytes * count;
        }
    }
}

/* --- the file --- */

/* Reads a line without its comment; false at the end. */
static bool next_line(FILE *file, char *line, size_t size) {
    if (!fgets(line, (int)size, file)) return false;
    line_number++;
    if (!strchr(line, '\n') && !feof(file)) refuse("a line of more than %zu bytes", size - 1);
    char *comment = strstr(line, "//");
    if (comment) *comment = '\0';
    memmove(line, trimmed(line), strlen(trimmed(line)) + 1);
    return true;
}

/* A line between a kernel's outer braces. */
static void print_line(kernel *k, char *line) {
    size_t length = strlen(line);
    if (!length || !strncmp(line, ".pragma", 7) || !strncmp(line, ".loc", 4)) return;
    if (line[0] == '$' && line[length - 1] == ':') {
        printf("%s;\n", line + 1);
        return;
    }
    bool block = line[0] == '{'; /* of its own, on one line */
    if (block) {
        if (line[length - 1] != '}') refuse("not known: %s", line);
        line[length - 1] = '\0', line++;
        printf("{\n");
    }
    char *rest = line, *text;
    while ((text = strsep(&rest, ";"))) {
        text = trimmed(text);
        if (!*text) continue;
        if (!strncmp(text, ".reg", 4))
            declare_registers(k, text);
        else if (!strncmp(text, ".shared", 7))
            declare_shared(k, text);
        else
            print_statement(k, text);
    }
    if (block) printf("}\n");
}

/* Reads the parameters, up to the brace that begins the body. */
static void read_head(FILE *file, kernel *k, char *line, size_t size) {
    while (strcmp(line, "{") != 0) {
        if (!next_line(file, line, size)) refuse("the file ends in the head of %s", k->text);
        char *comma = strrchr(line, ',');
        if (comma) *comma = '\0';
        if (!strncmp(line, ".param", 6))
            declare_parameter(k, line);
        else if (*line && strcmp(line, ")") != 0 && strcmp(line, "{") != 0 &&
                 strncmp(line, ".maxntid", 8) != 0 && strncmp(line, ".minnctapersm", 13) != 0)
            refuse("not known: %s", line);
    }
}

static void read_kernel(FILE *file, char *line, size_t size, int words, char **left_out) {
    kernel *k = &kernels[kernel_count];
    char *at = strstr(line, ".entry ") + strlen(".entry ");
    bool wanted = true;
    if (kernel_count == MOST_KERNELS) refuse("more than %d kernels", MOST_KERNELS);
    *k = (kernel){.classes = 0};
    snprintf(k->text, sizeof k->text, "%.*s", (int)strcspn(at, "( "), at);
    for (int i = 0; i < words; i++) wanted &= !strstr(k->text, left_out[i]);
    if (wanted) read_head(file, k, line, size);
    if (wanted)
        printf("static void kernel_%zu(const char *parameters) {\nenum { PARAMETERS = %u };\n", kernel_count,
               k->parameter_bytes);
    for (;;) {
        if (!next_line(file, line, size)) refuse("the file ends within %s", k->text);
        if (!strcmp(line, "}")) break;
        if (wanted) print_line(k, line);
    }
    if (!wanted) return;
    printf("}\n");
    kernel_count++;
}

static void print_table(const char *target) {
    printf(
        "const char hd_ptx_target[] = \"%s\";\nconst unsigned hd_ptx_barriers = %u;\nconst hd_ptx_kernel hd_ptx_kernels[] = {\n",
        target, barrier_count);
    for (size_t i = 0; i < kernel_count; i++) {
        const kernel *k = &kernels[i];
        printf("{\"%s\", kernel_%zu, %u, %u, %zu, {", k->text, i, k->parameter_bytes, k->shared_bytes,
               k->parameters);
        for (size_t p = 0; p < k->parameters; p++)
            printf("%s{%u, %u}", p ? ", " : "", k->parameter[p].at, k->parameter[p].bytes);
        printf("}},\n");
    }
    printf("{0}};\n");
}

int main(int count, char **argument) {
    static char line[1 << 16];
    char target[32] = "";
    if (count < 2) {
        fprintf(stderr, "usage: ptx_translator FILE.ptx [LEFT-OUT...]\n");
        return 2;
    }
    path = argument[1];
    FILE *file = fopen(path, "r");
    if (!file) refuse("cannot be read");
    printf("#include \"test/ptx/ptx_machine.h\"\n");
    while (next_line(file, line, sizeof line)) {
        int major;
        if (sscanf(line, ".version %d", &major) == 1 && (major < 7 || major > 9))
            refuse("PTX version %s; known: 7 to 9", line + strlen(".version "));
        sscanf(line, ".target %31[^, ]", target);
        if (strstr(line, ".entry ")) read_kernel(file, line, sizeof line, count - 2, argument + 2);
    }
    if (!kernel_count) refuse("no kernel");
    print_table(target);
    fclose(file);
    return 0;
}
