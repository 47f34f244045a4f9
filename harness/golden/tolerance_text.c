#include "golden/tolerance_text.h"

#include <math.h>

void hd_tolerances_print(FILE *to, const hd_golden *golden) {
    fprintf(to, "    %-34s %-9s  %-33s  %s\n", "", "allowed", "forward: mean, deviation, worst", "reverse");
    for (size_t i = 0; i < golden->tolerance_count; i++) {
        const hd_tolerance *t = &golden->tolerances[i];
        fprintf(to, "    %-34s %-9.3g", t->quantity, t->tolerance);
        for (size_t m = 0; m < 2; m++) {
            const hd_summary *e = &t->evidence[m].errors;
            fprintf(to, "  %10.3g %10.3g %10.3g%s", e->mean, e->deviation,
                    fmax(fabs(e->least), fabs(e->greatest)), t->evidence[m].bimodal ? " bimodal" : "");
        }
        fputc('\n', to);
    }
    double worst = 0;
    for (size_t j = 0; j < golden->reference_error_count; j++)
        worst = fmax(worst, golden->reference_errors[j].relative);
    if (golden->reference_error_count)
        fprintf(to, "    the reference's own error, against long double: at most %.2g, relatively\n", worst);
}
