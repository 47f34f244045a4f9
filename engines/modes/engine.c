#include "modes/engine.h"

#include "core/clock.h"

#include <stdio.h>
#include <stdlib.h>

/* We evaluate the validation and test sets in chunks of this many rows. It is a multiple of the products'
 * slice, so that the validation gradient's sums are those of one product over all rows. */
enum { CHUNK = 2048 };

enum { SUM_ERROR, SUM_VALIDATION, SUM_TEST, SUM_TRAINING, EVALUATION_SUMS };

void hd_engine_lap(const hd_engine *engine, double *mark, double *phase) {
    if (engine->device->asynchronous) return;
    double now = hd_clock();
    *phase += now - *mark;
    *mark = now;
}

/* --- life --- */

static void unplace(hd_engine *engine) {
    const void *placed[] = {engine->scheme,
                            engine->training.pixels,
                            engine->training.labels,
                            engine->validation.pixels,
                            engine->validation.labels,
                            engine->test.pixels,
                            engine->test.labels};
    for (size_t i = 0; i < sizeof placed / sizeof *placed; i++)
        engine->device->ops->unplace(engine->device, placed[i]);
}

void hd_engine_destroy(hd_engine *engine) {
    if (!engine) return;
    hd_device *device = engine->device;
    device->ops->forget(device);
    unplace(engine);
    hd_dynamics_release(&engine->dynamics);
    hd_trajectory_release(&engine->model, &engine->trajectory);
    hd_activations_release(&engine->model, &engine->act);
    hd_activations_release(&engine->model, &engine->evaluation);
    device->ops->batch_release(device, engine->batch);
    device->ops->batch_release(device, engine->chunk);
    hd_real *arrays[] = {engine->gradient,  engine->errors,    engine->tangent.w, engine->tangent.m,
                         engine->adjoint.w, engine->adjoint.m, engine->direction, engine->hvp};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) device->ops->release(device, arrays[i]);
    device->ops->release(device, engine->evaluated);
    device->ops->release(device, engine->sums);
    free(engine->fetched);
    free(engine->hypergradients);
    free(engine->weights);
    free(engine->shown);
    free(engine);
}

static bool place_examples(hd_device *device, const hd_examples *from, size_t inputs, hd_examples *to) {
    to->count = from->count;
    return (to->pixels = device->ops->place(device, from->pixels, from->count * inputs)) &&
           (to->labels = device->ops->place(device, from->labels, from->count));
}

/* Copies data and scheme to the device. */
static bool place(hd_engine *engine) {
    const hd_problem *problem = engine->problem;
    hd_device *device = engine->device;
    size_t inputs = problem->dims[0];
    return place_examples(device, &problem->training, inputs, &engine->training) &&
           place_examples(device, &problem->validation, inputs, &engine->validation) &&
           place_examples(device, &problem->test, inputs, &engine->test) &&
           (engine->scheme = device->ops->place(device, problem->scheme,
                                                problem->steps * problem->batch * sizeof *problem->scheme));
}

static size_t greatest(size_t a, size_t b) {
    return a > b ? a : b;
}

/* Allocates everything but the trajectory and the activations. */
static bool allocate(hd_engine *engine, size_t chunk) {
    hd_device *device = engine->device;
    const hd_problem *problem = engine->problem;
    size_t rows = greatest(problem->batch, chunk), widest = engine->model.weights;
    for (size_t l = 0; l <= problem->layers; l++) widest = greatest(widest, rows * problem->dims[l]);
    return (engine->batch = device->ops->batch_create(device, problem->batch, problem->dims[0])) &&
           (engine->chunk = device->ops->batch_create(device, chunk, problem->dims[0])) &&
           (engine->gradient = device->ops->allocate(device, engine->model.weights)) &&
           (engine->errors = device->ops->allocate(device, problem->validation.count)) &&
           (engine->evaluated = device->ops->allocate_sums(device, EVALUATION_SUMS)) &&
           (engine->hypergradients = calloc(problem->hypers, sizeof(double))) &&
           (engine->weights = calloc(engine->model.weights, sizeof(double))) &&
           (engine->shown = malloc(widest * sizeof(double))) &&
           (!engine->method->prepare || engine->method->prepare(engine));
}

hd_status hd_engine_create_with(hd_device *device, const hd_problem *problem, const hd_method *method,
                                hd_engine **created, hd_error *error) {
    *created = NULL;
    hd_status status = hd_problem_check(problem, error);
    if (status != HD_OK) return status;
    hd_engine *engine = calloc(1, sizeof *engine);
    if (!engine) return hd_fail(error, HD_UNAVAILABLE, "no memory for an engine");
    engine->device = device;
    engine->problem = problem;
    engine->method = method;
    hd_method_sizes sizes = method->sizes(problem);
    hd_model_describe(&engine->model, device, problem->layers, problem->dims);
    status = hd_dynamics_create(&engine->dynamics, &engine->model, problem, error);
    size_t before = device->allocated;
    if (status == HD_OK && !place(engine))
        status = hd_fail(error, HD_UNAVAILABLE, "device %s: no memory for the data", device->name);
    size_t most = greatest(greatest(problem->validation.count, problem->test.count), problem->batch);
    size_t chunk = most < CHUNK ? most : CHUNK;
    if (status == HD_OK)
        status = hd_trajectory_create(&engine->model, sizes.trajectory, &engine->trajectory, error);
    engine->data_bytes = device->allocated - before;
    if (status == HD_OK)
        status = hd_activations_create(&engine->model, problem->batch, sizes.directions, &engine->act, error);
    if (status == HD_OK) status = hd_activations_create(&engine->model, chunk, 0, &engine->evaluation, error);
    if (status == HD_OK && !allocate(engine, chunk))
        status = hd_fail(error, HD_UNAVAILABLE, "device %s: no memory for a run's arrays", device->name);
    if (status == HD_OK)
        *created = engine;
    else
        hd_engine_destroy(engine);
    return status;
}

hd_status hd_engine_create(hd_device *device, const hd_problem *problem, hd_mode mode, hd_engine **engine,
                           hd_error *error) {
    const hd_method *method = mode == HD_FORWARD ? &hd_method_forward : &hd_method_reverse;
    return hd_engine_create_with(device, problem, method, engine, error);
}

/* --- what methods call --- */

hd_state hd_engine_state(const hd_engine *engine, size_t t) {
    return hd_trajectory_state(&engine->trajectory, &engine->model, t);
}

void hd_engine_load_batch(hd_engine *engine, size_t t) {
    const hd_problem *problem = engine->problem;
    double mark = hd_clock();
    engine->device->ops->batch_load(engine->device, engine->batch, &engine->training,
                                    engine->scheme + t * problem->batch, 0, problem->batch);
    hd_engine_lap(engine, &mark, &engine->seconds.data);
}

static bool wanted(const hd_engine *engine, hd_tensor tensor) {
    return engine->observer && engine->observer->wants & 1u << tensor && !engine->stopped;
}

/* Shows count elements of an array to the observer; `first` as in hd_view. */
static hd_view show(hd_engine *engine, hd_tensor tensor, size_t index, size_t first, const hd_real *array,
                    size_t count) {
    hd_device *device = engine->device;
    bool float32 = device->element == sizeof(float);
    hd_view view = {tensor, index, device->step, engine->back, first, count, float32, NULL};
    if (!wanted(engine, tensor)) return view;
    view.values = device->ops->view(device, count, array, engine->shown);
    engine->stopped = !engine->observer->seen(engine->observer->context, &view);
    return view;
}

void hd_engine_show_state(hd_engine *engine, hd_tensor tensor, size_t index, hd_real *values, size_t count) {
    const hd_observer *observer = engine->observer;
    hd_view view = show(engine, tensor, index, 0, values, count);
    if (!observer || !(observer->guides & 1u << tensor) || engine->stopped) return;
    engine->stopped = !observer->guide(observer->context, &view, engine->shown);
    if (!engine->stopped) engine->device->ops->replace(engine->device, count, engine->shown, values);
}

static void show_batch(hd_engine *engine) {
    size_t count = engine->problem->batch * engine->problem->dims[0];
    hd_view view = {HD_BATCH, 0, engine->device->step, engine->back, 0, count, false, engine->shown};
    if (!wanted(engine, HD_BATCH)) return;
    engine->device->ops->batch_download(engine->device, engine->batch, engine->shown);
    engine->stopped = !engine->observer->seen(engine->observer->context, &view);
}

static void show_state(hd_engine *engine, size_t t) {
    hd_state state = hd_engine_state(engine, t);
    hd_engine_show_state(engine, HD_WEIGHTS, 0, state.w, engine->model.weights);
    hd_engine_show_state(engine, HD_MOMENTUM_BUFFER, 0, state.m, engine->model.weights);
}

/* Shows what hd_model_differentiate computed. */
static void show_activations(hd_engine *engine, const hd_activations *act, const hd_real *errors,
                             size_t first, size_t rows) {
    const hd_model *model = &engine->model;
    for (size_t l = 1; l <= model->layers; l++)
        show(engine, HD_ACTIVATION, l, first, act->a[l], rows * model->dims[l]);
    show(engine, HD_ERROR, 0, first, errors, rows);
    for (size_t l = model->layers; l > 0; l--)
        show(engine, HD_DELTA, l, first, act->delta[l], rows * model->dims[l]);
}

void hd_engine_show_step(hd_engine *engine) {
    show_batch(engine);
    show_activations(engine, &engine->act, engine->act.error, 0, engine->problem->batch);
}

void hd_engine_plain_step(hd_engine *engine, size_t t) {
    double mark = hd_clock();
    size_t rows = engine->problem->batch;
    hd_state state = hd_engine_state(engine, t), next = hd_engine_state(engine, t + 1);
    hd_derivatives wanted = {.divisor = (double)rows, .gradient = engine->gradient};
    hd_model_differentiate(&engine->model, state.w, engine->batch, rows, &engine->act, &wanted);
    hd_dynamics_step(&engine->dynamics, state, engine->gradient, next);
    hd_engine_lap(engine, &mark, &engine->seconds.training);
}

/* --- evaluation --- */

/* Counts the correct examples, chunk by chunk. With gradient it also computes the errors and dE/dw. */
static void evaluate_set(hd_engine *engine, const hd_real *w, const hd_examples *examples, hd_real *gradient,
                         double *correct) {
    hd_device *device = engine->device;
    const hd_model *model = &engine->model;
    size_t classes = model->dims[model->layers];
    for (size_t first = 0; first < examples->count; first += engine->evaluation.rows) {
        size_t rows = examples->count - first;
        if (rows > engine->evaluation.rows) rows = engine->evaluation.rows;
        device->ops->batch_load(device, engine->chunk, examples, NULL, first, rows);
        if (gradient) {
            hd_derivatives wanted = {.divisor = (double)examples->count,
                                     .error = hd_at(device, engine->errors, first),
                                     .gradient = gradient,
                                     .accumulate = first > 0};
            hd_model_differentiate(model, w, engine->chunk, rows, &engine->evaluation, &wanted);
            show_activations(engine, &engine->evaluation, wanted.error, first, rows);
        } else {
            hd_model_predict(model, w, engine->chunk, rows, &engine->evaluation);
        }
        device->ops->count_correct(device, engine->chunk, classes, engine->evaluation.a[model->layers],
                                   correct);
    }
}

static void evaluate(void *context) {
    hd_engine *engine = context;
    hd_device *device = engine->device;
    const hd_real *w = hd_engine_state(engine, engine->problem->steps).w;
    double mark = hd_clock(), *sums = engine->evaluated;
    device->ops->zero_sums(device, EVALUATION_SUMS, sums);
    evaluate_set(engine, w, &engine->validation, engine->gradient, sums + SUM_VALIDATION);
    evaluate_set(engine, w, &engine->test, NULL, sums + SUM_TEST);
    device->ops->dot(device, engine->validation.count, engine->errors, NULL, sums + SUM_ERROR);
    hd_engine_lap(engine, &mark, &engine->seconds.validation);
}

static void count_training(hd_engine *engine, size_t batch) {
    const hd_problem *problem = engine->problem;
    hd_device *device = engine->device;
    hd_engine_load_batch(engine, batch);
    double mark = hd_clock();
    hd_model_predict(&engine->model, hd_engine_state(engine, problem->steps).w, engine->batch, problem->batch,
                     &engine->act);
    device->ops->count_correct(device, engine->batch, problem->dims[problem->layers],
                               engine->act.a[problem->layers], engine->evaluated + SUM_TRAINING);
    hd_engine_lap(engine, &mark, &engine->seconds.validation);
}

/* Rounds a float64 sum to the device's own precision. */
static double rounded(const hd_engine *engine, double sum) {
    return engine->device->element == sizeof(float) ? (double)(float)sum : sum;
}

static void report(hd_engine *engine, const hd_real *w, hd_result *result) {
    const hd_problem *problem = engine->problem;
    double sums[EVALUATION_SUMS];
    engine->device->ops->fetch_sums(engine->device, EVALUATION_SUMS, engine->evaluated, sums);
    engine->device->ops->download(engine->device, engine->model.weights, w, engine->weights);
    *result = (hd_result){
        .hypergradients = engine->hypergradients,
        .weights = engine->weights,
        .validation_error = rounded(engine, sums[SUM_ERROR] / (double)problem->validation.count),
        .test = {(size_t)sums[SUM_TEST], problem->test.count},
        .validation = {(size_t)sums[SUM_VALIDATION], problem->validation.count},
        .training = {(size_t)sums[SUM_TRAINING], problem->batch},
        .state_bytes =
            engine->method->sizes(problem).states * 2 * engine->model.weights * engine->device->element,
    };
}

/* --- runs --- */

enum { TRAIN, EVALUATE, FINISH };

static void train(void *context) {
    hd_engine *engine = context;
    size_t steps = engine->problem->steps;
    if (engine->method->start) engine->method->start(engine);
    for (size_t t = 0; t < steps && !engine->stopped; t++) {
        engine->device->step = t;
        hd_engine_load_batch(engine, t);
        show_state(engine, t);
        engine->method->step(engine, t);
        hd_engine_show_step(engine);
        show(engine, HD_GRADIENT, 0, 0, engine->gradient, engine->model.weights);
    }
    engine->device->step = steps;
    show_state(engine, steps);
}

static void finish(void *context) {
    hd_engine *engine = context;
    engine->method->finish(engine);
}

/* Runs a section. With an observer, who downloads during it, we neither record nor replay. Returns the
 * seconds it took on an asynchronous device, else 0. */
static double section(hd_engine *engine, size_t id, void (*body)(void *context)) {
    hd_device *device = engine->device;
    double start = hd_clock();
    if (engine->observer)
        body(engine);
    else
        device->ops->section(device, id, body, engine);
    if (!device->asynchronous) return 0;
    device->ops->settle(device);
    return hd_clock() - start;
}

static hd_status status_of(hd_engine *engine, hd_error *error) {
    hd_status status = hd_latched_error(engine->device, engine->problem, error);
    if (status == HD_OK && engine->stopped) status = hd_fail(error, HD_INVALID, "stopped by the observer");
    return status;
}

/* Makes state 0: weights as given, or drawn on the device; momentum 0. */
static void begin(hd_engine *engine, const hd_point *point) {
    const hd_model *model = &engine->model;
    const hd_device_ops *ops = engine->device->ops;
    hd_state state = hd_engine_state(engine, 0);
    ops->zero(engine->device, model->weights, state.m);
    if (point->initial_weights) {
        ops->upload(engine->device, model->weights, point->initial_weights, state.w);
        return;
    }
    ops->zero(engine->device, model->weights, state.w);
    for (size_t l = 0; l + 1 < model->layers; l++) {
        hd_xavier layer = hd_xavier_layer(&point->initial, l, model->dims[l], model->dims[l + 1]);
        ops->draw(engine->device, &layer, hd_at(engine->device, state.w, model->weight_at[l]));
    }
}

hd_status hd_engine_train(hd_engine *engine, const hd_point *point, const hd_observer *observer,
                          hd_result *result, hd_error *error) {
    hd_device *device = engine->device;
    size_t steps = engine->problem->steps;
    if (point->training_batch >= steps)
        return hd_fail(error, HD_INVALID, "training accuracy on batch %zu: there are %zu",
                       point->training_batch, steps);
    engine->seconds = (hd_timing){0};
    engine->observer = observer;
    engine->stopped = engine->back = false;
    device->operations = 0;
    device->launches = 0;
    device->allocated_peak = device->allocated;
    hd_dynamics_set(&engine->dynamics, point->hyper);
    begin(engine, point);
    const hd_method *method = engine->method;
    double share = method->primal_share ? method->primal_share(engine) : 1,
           seconds = section(engine, TRAIN, train);
    engine->seconds.training += share * seconds;
    engine->seconds.differentiate += (1 - share) * seconds;
    device->step = steps;
    engine->seconds.validation += section(engine, EVALUATE, evaluate);
    count_training(engine, point->training_batch);
    show(engine, HD_VALIDATION_GRADIENT, 0, 0, engine->gradient, engine->model.weights);
    report(engine, hd_engine_state(engine, steps).w, result);
    return status_of(engine, error);
}

hd_status hd_engine_run(hd_engine *engine, const hd_point *point, const hd_observer *observer,
                        hd_result *result, hd_error *error) {
    double start = hd_clock();
    hd_status status = hd_engine_train(engine, point, observer, result, error);
    if (status != HD_OK) return status;
    engine->seconds.differentiate += section(engine, FINISH, finish);
    engine->method->collect(engine, engine->hypergradients);
    for (size_t j = 0; j < engine->problem->hypers; j++)
        engine->hypergradients[j] = rounded(engine, engine->hypergradients[j]);
    result->operations = engine->device->operations;
    result->launches = engine->device->launches;
    result->device_bytes = engine->device->allocated_peak;
    result->data_bytes = engine->data_bytes;
    engine->seconds.total = hd_clock() - start;
    result->seconds = engine->seconds;
    return status_of(engine, error);
}
