/* Unknown names, through the program: it suggests one that is nearly right, and none if none is near. */
#include "test/program.h"

TestSuite(bad_names, .init = folder_make, .fini = folder_remove);

Test(bad_names, are_suggested_right_where_they_are_nearly_right) {
    static const struct {
        const char *words[5], *said; /* NULL: no suggestion */
    } of[] = {
        {{"run", "blob-deep"}, "no experiment 'blob-deep'; allowed: a path, or one of blobs-deep"},
        {{"run", "blob-deep"}, "; did you mean 'blobs-deep'?"},
        {{"run", "gradient-descent"}, NULL},
        {{"chekc"}, "history recover; did you mean 'check'?"},
        {{"walk"}, NULL},
        {{"histroy", "list", "x"}, "; did you mean 'history'?"},
        {{"history", "lsit", "x"}, "; did you mean 'list'?"},
        {{"history", "walk", "x"}, NULL},
        {{"explain", "trace-2071"}, "; did you mean 'trace-2017'?"},
        {{"explain", "blobs-deep"}, NULL},
        {{"run", "blobs-deep", "--devcie", "cpu"}, "option --devcie: not known; did you mean '--device'?"},
        {{"run", "blobs-deep", "--devcie=cpu"}, "option --devcie: not known; did you mean '--device'?"},
        {{"--versoin"}, "option --versoin: not known; did you mean '--version'?"},
        {{"run", "blobs-deep", "--walk"}, NULL},
        {{"bless", "blobs-deep", "--devcie", "--reason", "--devise"}, "did you mean '--device'?"},
        {{"run", "blobs-deep", "--device", "cupu"}, "; did you mean 'cpu'?"},
        {{"run", "blobs-deep", "--device", "gpu"}, NULL},
        {{"check", "--device=all", "--require", "refrence"}, "; did you mean 'reference'?"},
        {{"run", "blobs-deep", "--mode", "reverse,forwrad"}, "; did you mean 'forward'?"},
        {{"run", "blobs-deep", "--mode", "sideways"}, NULL},
        {{"run", "blobs-deep", "--set", "modle.fill=tf-cpu"}, "device; did you mean 'model'?"},
        {{"run", "blobs-deep", "--set", "training.step=1"}, "epochs; did you mean 'steps'?"},
        {{"run", "blobs-deep", "--set", "model.fill=tf-cpuu"}, "tf-gpu-2017; did you mean 'tf-cpu'?"},
        {{"run", "blobs-deep", "--set", "training.walk=1"}, NULL},
        {{"drift", "blobs-deep", "--b", "mdoe=forward"}, "section.key; did you mean 'mode'?"},
        {{"drift", "blobs-deep", "--b", "device=cdua"}, "; did you mean 'cuda'?"},
        {{"drift", "blobs-deep", "--b", "model.fil=tf-cpu"}, "; did you mean 'fill'?"},
        {{"drift", "blobs-deep", "--b", "walk=1"}, NULL},
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        const char *line[7] = {HD_PROGRAM};
        memcpy(line + 1, of[i].words, sizeof of[i].words);
        program_run(line);
        program_expect_failure(2, of[i].said ? of[i].said : "hyperdrift: ");
        if (!of[i].said) cr_expect_not(strstr(program.err, "did you mean"), "%s", program.err);
        cr_expect_str_empty(program.out);
    }
    static const char key[] = "[experiment]\nsede = 1\n", section[] = "[trainign]\n";
    put_bytes(path_of("bad.ini"), key, sizeof key - 1);
    hyperdrift("run", path_of("bad.ini"));
    program_expect_failure(2, "bad.ini:2: unknown key 'sede'; [experiment] has the keys name, seed");
    program_expect_failure(2, "; did you mean 'seed'?");
    put_bytes(path_of("bad.ini"), section, sizeof section - 1);
    hyperdrift("run", path_of("bad.ini"));
    program_expect_failure(2, "; did you mean 'training'?");
}
