// Derivatives written by hand in C++, from the definitions of the problems: what
// the tools are measured against.  Each function takes plain arrays and computes
// what one evaluation needs, from nothing.  Built by manual.py with
// -O3 -march=native; it knows neither Python nor the tools.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace {

// Value and, in `soft`, the derivative of a log-sum-exp.
double log_sum_exp(int64_t n, const double *x, double *soft) {
    double largest = x[0];
    for (int64_t i = 1; i < n; i++) largest = std::max(largest, x[i]);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        soft[i] = std::exp(x[i] - largest);
        sum += soft[i];
    }
    for (int64_t i = 0; i < n; i++) soft[i] /= sum;
    return std::log(sum) + largest;
}

void cross(const double *a, const double *b, double *out) {
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}

double dot(const double *a, const double *b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

// The rotated point; its derivatives by the rotation (row i, column j) and by the point.
void rotate(const double *r, const double *x, double *y, double by_r[3][3], double by_x[3][3]) {
    const double square = dot(r, r);
    if (square == 0) {
        double c[3];
        cross(r, x, c);
        for (int i = 0; i < 3; i++) y[i] = x[i] + c[i];
        const double skew_x[3][3] = {{0, x[2], -x[1]}, {-x[2], 0, x[0]}, {x[1], -x[0], 0}};
        const double skew_r[3][3] = {{1, -r[2], r[1]}, {r[2], 1, -r[0]}, {-r[1], r[0], 1}};
        std::copy(&skew_x[0][0], &skew_x[0][0] + 9, &by_r[0][0]);
        std::copy(&skew_r[0][0], &skew_r[0][0] + 9, &by_x[0][0]);
        return;
    }
    const double angle = std::sqrt(square), c = std::cos(angle), s = std::sin(angle);
    const double w[3] = {r[0] / angle, r[1] / angle, r[2] / angle};
    double wx[3];
    cross(w, x, wx);
    const double along = dot(w, x), rest = 1 - c;
    for (int i = 0; i < 3; i++) y[i] = x[i] * c + wx[i] * s + w[i] * along * rest;
    // By the axis w (entries j), with the angle fixed, then by the angle.
    const double skew_x[3][3] = {{0, x[2], -x[1]}, {-x[2], 0, x[0]}, {x[1], -x[0], 0}};
    const double skew_w[3][3] = {{0, -w[2], w[1]}, {w[2], 0, -w[0]}, {-w[1], w[0], 0}};
    double by_w[3][3], by_angle[3];
    for (int i = 0; i < 3; i++) {
        by_angle[i] = -x[i] * s + wx[i] * c + w[i] * along * s;
        for (int j = 0; j < 3; j++) {
            by_w[i][j] = skew_x[i][j] * s + w[i] * x[j] * rest + (i == j ? along * rest : 0);
            by_x[i][j] = skew_w[i][j] * s + w[i] * w[j] * rest + (i == j ? c : 0);
        }
    }
    for (int i = 0; i < 3; i++) {
        const double projected = dot(by_w[i], w);
        for (int j = 0; j < 3; j++)
            by_r[i][j] = (by_w[i][j] - projected * w[j]) / angle + by_angle[i] * w[j];
    }
}

// The 2 x 15 block of one observation.
void observe(const double *cam, const double *x, double weight, const double *feature, double *j) {
    const double moved[3] = {x[0] - cam[3], x[1] - cam[4], x[2] - cam[5]};
    double y[3], by_r[3][3], by_x[3][3];
    rotate(cam, moved, y, by_r, by_x);
    const double p[2] = {y[0] / y[2], y[1] / y[2]}, f = cam[6];
    const double square = p[0] * p[0] + p[1] * p[1];
    const double scale = 1 + cam[9] * square + cam[10] * square * square;
    const double slope = 2 * (cam[9] + 2 * cam[10] * square);
    for (int i = 0; i < 2; i++) {
        double by_y[3];
        const double by_p[2] = {slope * p[i] * p[0] + (i == 0 ? scale : 0),
                                slope * p[i] * p[1] + (i == 1 ? scale : 0)};
        by_y[0] = by_p[0] / y[2];
        by_y[1] = by_p[1] / y[2];
        by_y[2] = -(by_p[0] * p[0] + by_p[1] * p[1]) / y[2];
        double *row = j + 15 * i;
        for (int k = 0; k < 3; k++) {
            const double turn = by_y[0] * by_r[0][k] + by_y[1] * by_r[1][k] + by_y[2] * by_r[2][k];
            const double move = by_y[0] * by_x[0][k] + by_y[1] * by_x[1][k] + by_y[2] * by_x[2][k];
            row[k] = weight * f * turn;
            row[3 + k] = -weight * f * move;
            row[11 + k] = weight * f * move;
        }
        row[6] = weight * p[i] * scale;
        row[7] = i == 0 ? weight : 0;
        row[8] = i == 1 ? weight : 0;
        row[9] = weight * f * p[i] * square;
        row[10] = weight * f * p[i] * square * square;
        row[14] = p[i] * scale * f + cam[7 + i] - feature[i];
    }
}

}  // namespace

extern "C" {

void lse_gradient(int64_t n, const double *x, double *gradient) { log_sum_exp(n, x, gradient); }

void ba_jacobian(int64_t n, int64_t m, int64_t p, const double *cameras, const double *points,
                 const double *weights, const double *features, const int64_t *camera_of,
                 const int64_t *point_of, int32_t *rows, int32_t *columns, double *values) {
    int32_t at = 0;
    for (int64_t i = 0; i < p; i++) {
        const int64_t c = camera_of[i], q = point_of[i];
        observe(cameras + 11 * c, points + 3 * q, weights[i], features + 2 * i, values + 30 * i);
        for (int row = 0; row < 2; row++) {
            *rows++ = at;
            at += 15;
            for (int k = 0; k < 11; k++) *columns++ = int32_t(11 * c + k);
            for (int k = 0; k < 3; k++) *columns++ = int32_t(11 * n + 3 * q + k);
            *columns++ = int32_t(11 * n + 3 * m + i);
        }
    }
    for (int64_t i = 0; i < p; i++) {
        *rows++ = at++;
        *columns++ = int32_t(11 * n + 3 * m + i);
        values[30 * p + i] = -2 * weights[i];
    }
    *rows = at;
}

// l holds the strict lower triangles column by column.
void gmm_jacobian(int64_t d, int64_t k, int64_t n, const double *x, double gamma, int64_t m,
                  const double *alpha, const double *mu, const double *q, const double *l,
                  double *by_alpha, double *by_mu, double *by_q, double *by_l) {
    const int64_t strict = d * (d - 1) / 2;
    std::vector<double> diagonal(k * d), sums(k), terms(k), soft(k), centred(k * d), scaled(k * d);
    std::fill(by_alpha, by_alpha + k, 0.0);
    std::fill(by_mu, by_mu + k * d, 0.0);
    std::fill(by_q, by_q + k * d, 0.0);
    std::fill(by_l, by_l + k * strict, 0.0);
    for (int64_t c = 0; c < k; c++)
        for (int64_t i = 0; i < d; i++) {
            diagonal[c * d + i] = std::exp(q[c * d + i]);
            sums[c] += q[c * d + i];
        }
    for (int64_t at = 0; at < n; at++) {
        for (int64_t c = 0; c < k; c++) {
            double *u = &centred[c * d], *v = &scaled[c * d];
            const double *entry = l + c * strict;
            for (int64_t i = 0; i < d; i++) u[i] = x[at * d + i] - mu[c * d + i];
            for (int64_t i = 0; i < d; i++) v[i] = diagonal[c * d + i] * u[i];
            for (int64_t j = 0; j < d; j++) {
                for (int64_t i = j + 1; i < d; i++) v[i] += entry[i - j - 1] * u[j];
                entry += d - j - 1;
            }
            double square = 0;
            for (int64_t i = 0; i < d; i++) square += v[i] * v[i];
            terms[c] = alpha[c] + sums[c] - 0.5 * square;
        }
        log_sum_exp(k, terms.data(), soft.data());
        for (int64_t c = 0; c < k; c++) {
            const double *u = &centred[c * d], *v = &scaled[c * d], *entry = l + c * strict;
            double *out = by_l + c * strict, share = soft[c];
            by_alpha[c] += share;
            for (int64_t j = 0; j < d; j++) {
                double back = diagonal[c * d + j] * v[j];
                for (int64_t i = j + 1; i < d; i++) {
                    back += entry[i - j - 1] * v[i];
                    out[i - j - 1] -= share * u[j] * v[i];
                }
                entry += d - j - 1;
                out += d - j - 1;
                by_mu[c * d + j] += share * back;
                by_q[c * d + j] += share * (1 - diagonal[c * d + j] * u[j] * v[j]);
            }
        }
    }
    log_sum_exp(k, alpha, soft.data());
    for (int64_t c = 0; c < k; c++) {
        by_alpha[c] -= n * soft[c];
        for (int64_t i = 0; i < d; i++)
            by_q[c * d + i] += m - gamma * gamma * diagonal[c * d + i] * diagonal[c * d + i];
        for (int64_t i = 0; i < strict; i++)
            by_l[c * strict + i] -= gamma * gamma * l[c * strict + i];
    }
}

void kmeans_dir(int64_t n, int64_t k, int64_t d, const double *points, const double *centroids,
                double *out) {
    std::vector<double> counts(k);
    std::fill(out, out + k * d, 0.0);
    for (int64_t i = 0; i < n; i++) {
        const double *p = points + i * d;
        double least = INFINITY;
        int64_t nearest = 0;
        for (int64_t c = 0; c < k; c++) {
            double square = 0;
            for (int64_t j = 0; j < d; j++) {
                const double difference = p[j] - centroids[c * d + j];
                square += difference * difference;
            }
            if (square < least) {
                least = square;
                nearest = c;
            }
        }
        counts[nearest] += 2;
        for (int64_t j = 0; j < d; j++)
            out[nearest * d + j] += 2 * (centroids[nearest * d + j] - p[j]);
    }
    for (int64_t c = 0; c < k; c++)
        for (int64_t j = 0; j < d; j++) out[c * d + j] /= counts[c];
}

void llsq_gradient(int64_t m, int64_t n, const double *x, const double *t, double *gradient) {
    std::fill(gradient, gradient + m, 0.0);
    for (int64_t i = 0; i < n; i++) {
        double power = 1, residual = t[i] > 0 ? 1 : t[i] < 0 ? -1 : 0;
        for (int64_t j = 0; j < m; j++) {
            residual -= x[j] * power;
            power *= t[i];
        }
        power = 1;
        for (int64_t j = 0; j < m; j++) {
            gradient[j] -= residual * power;
            power *= t[i];
        }
    }
}
}
