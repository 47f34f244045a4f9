#include "residual/rounding_test.h"

#include <math.h>

/* We compute in float64 ourselves. */
#define SLACK (1 + 1e-6)

/* Fewer elements have no root mean square worth the name. */
enum { LEAST_TOGETHER = 16 };

/* Odds below 1 in 10^300 are no odds. */
#define LEAST_ODDS (-300.0)

/* A lean must show in so many steps and be so many standard deviations of its mean. */
enum { LEAST_STEPS = 12 };
#define LEAST_DEVIATIONS 10.0

static hd_excess excess_of(const hd_rounding_test *test, double limit) {
    double n = (double)test->informative, spread = test->spread / fmax(limit / HD_SUM_LIMIT, 1);
    if (test->beyond) return HD_ELEMENT_TOO_FAR;
    bool together = test->informative >= LEAST_TOGETHER;
    return together && !(spread * spread <= 1 + HD_SUM_LIMIT / sqrt(n)) ? HD_TOGETHER_TOO_FAR : HD_NO_EXCESS;
}

void hd_rounding_test_elements(size_t count, const double *is, hd_estimate expected, double limit,
                               hd_rounding_test *test) {
    double squares = 0, lean = 0, off = 0, norm = 0, furthest = -1;
    *test = (hd_rounding_test){.count = count};
    for (size_t i = 0; i < count; i++) {
        double e = expected.value[i], r = is[i] - e;
        if (!isfinite(is[i])) {
            *test = (hd_rounding_test){
                HD_NOT_FINITE_THERE, count, count, 1, i, i, i, is[i], e, INFINITY, INFINITY, NAN, INFINITY};
            return;
        }
        norm += e * e;
        if (e == 0 && is[i] == 0) continue;
        double z = r == 0 ? 0 : r / sqrt(expected.variance[i]), away = isnan(z) ? INFINITY : fabs(z);
        test->informative++;
        squares += z * z;
        lean += e < 0 ? -z : z;
        off += r * r;
        if (away > furthest) furthest = away, test->worst = i;
        if (away <= limit * SLACK) continue;
        if (test->beyond++ == 0) test->first = i;
        test->last = i;
    }
    if (!test->informative) return;
    double n = (double)test->informative;
    test->is = is[test->worst];
    test->expected = expected.value[test->worst];
    test->furthest = furthest / limit;
    test->spread = sqrt(squares / n);
    test->lean = lean / n;
    test->relative = norm > 0 ? sqrt(off / norm) : off > 0 ? INFINITY : 0;
    test->excess = excess_of(test, limit);
}

double hd_rounding_odds(const hd_rounding_test *test, double limit, double elements) {
    double z = test->furthest * limit;
    double odds = log10(2) - z * z / 2 * log10(exp(1)) + log10(elements);
    return fmax(fmin(odds, 0), LEAST_ODDS);
}

void hd_leaning_add(hd_leaning *leaning, const hd_rounding_test *test) {
    if (test->informative < LEAST_TOGETHER) return;
    double before = test->lean - leaning->mean;
    leaning->mean += before / (double)++leaning->steps;
    leaning->squares += before * (test->lean - leaning->mean);
}

double hd_leaning_deviations(const hd_leaning *leaning) {
    double n = (double)leaning->steps;
    if (leaning->steps < 2) return 0;
    double deviation = sqrt(leaning->squares / (n - 1) / n);
    return deviation > 0 ? leaning->mean / deviation : leaning->mean == 0 ? 0 : INFINITY;
}

bool hd_leaning_found(const hd_leaning *leaning) {
    return leaning->steps >= LEAST_STEPS && fabs(leaning->mean) >= leaning->least &&
           !(fabs(hd_leaning_deviations(leaning)) <= LEAST_DEVIATIONS);
}
