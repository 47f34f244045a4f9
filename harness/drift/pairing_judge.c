#include "drift/pairing_judge.h"

#include <math.h>
#include <stdint.h>

/* A change t -> t + 1 is the sum of both modes' roundings in one step, each paired with the other mode's
 * vector. If every element of Z_{t+1} and p_t were rounded once, it could not exceed unit * M, where M is the
 * sum of the terms' magnitudes (hd_pairing_terms.terms). But the elements come from Hessian-vector products,
 * whose own terms cancel. So we measured |change| / (unit * M), forward against reverse mode, all
 * hyper-iterations, steps and hyperparameters:
 *     blobs-logistic, blobs-one-hidden, blobs-deep, blobs-slices, faults-black, faults-small-steps
 *         both on cpu                                  at most 0.21
 *         both on the reference (unit 2^-53)           at most 0.30
 *         reverse on the reference, forward on cpu     at most 0.70
 *     faults-clipped (large logits, the most cancellation)
 *         the same three                               1.2, 1.6, 1.2
 *         random rounding                              2.0
 *     a training with ReLUs that flip (test/kinkier.ini), seeds 1 to 10
 *         both on cpu                                  at most 0.41
 *     mnist-2017-cpu, 40 steps                         0.04
 * The medians are 0.003 to 0.11. NOISE is four times the greatest of all these, and five times the greatest
 * without random rounding. The adjoint without rho_l2's term changes faults-small-steps by up to 31 unit * M,
 * blobs-deep by 1,100. */
#define NOISE 8.0

/* The sum of the changes that are no jumps, of at least LEAST of them, against the root of the summed squares of
 * noise. Measured over the same runs, in
 * units of unit * M: at most 0.35, with random rounding 0.45. An error of every step grows with the number of
 * steps, noise with its root. 1 / 4 of NOISE is 2, more than four times what we measured. The adjoint without
 * rho_l2's term: 69 in faults-small-steps. */
#define TREND 0.25
enum { LEAST = 4 };

/* An element that underflows is wrong by up to the smallest subnormal number, and so is one that is added up
 * from such. eta = 1e-20 in blobs-deep changes P by up to 0.03 of the following. */
static double underflow(const hd_pairing_terms *terms) {
    double smallest = terms->float32 ? 0x1p-149 : 0x1p-1074;
    return smallest * terms->sizes + 0x1p-1074;
}

hd_pairing_floor hd_pairing_floor_of(const hd_pairing_terms *terms) {
    return (hd_pairing_floor){.noise = NOISE * terms->unit * terms->terms,
                              .allowed = terms->difference + underflow(terms)};
}

/* |value| / limit; 0 for no value. NaN stays NaN. */
static double ratio(double value, double limit) {
    return value == 0 ? 0 : fabs(value) / limit;
}

static hd_pairing_course judge(const double *changes, const hd_pairing_floor *floor, const bool *kinked,
                               size_t steps, size_t hypers) {
    hd_pairing_course c = {.first_jump = SIZE_MAX};
    double sum = 0, squares = 0, allowed = 0;
    size_t quiet = 0, jumps = 0;
    for (size_t t = 0; t < steps; t++) {
        const hd_pairing_floor *f = &floor[t * hypers];
        double size = ratio(changes[t * hypers], f->noise + f->allowed);
        bool jump = !(size <= 1);
        if (kinked && kinked[t]) continue;
        if (!isnan(c.worst) && !(size <= c.worst)) c.worst = size, c.worst_step = t;
        if (jump && c.first_jump == SIZE_MAX) c.first_jump = t;
        jumps += jump;
        if (jump) continue;
        quiet++;
        sum += changes[t * hypers];
        squares += f->noise * f->noise;
        allowed += f->allowed;
    }
    if (quiet >= LEAST) c.trend = ratio(sum, TREND * sqrt(squares) + allowed);
    c.every_step = (jumps > 1 && jumps > quiet) || c.trend > 1;
    return c;
}

void hd_pairing_judge(const double *changes, const hd_pairing_floor *floor, const bool *kinked, size_t steps,
                      size_t hypers, hd_pairing_course *course) {
    for (size_t j = 0; j < hypers; j++) course[j] = judge(changes + j, floor + j, kinked, steps, hypers);
}

bool hd_pairing_course_wrong(const hd_pairing_course *course) {
    return course->first_jump != SIZE_MAX || course->every_step;
}
