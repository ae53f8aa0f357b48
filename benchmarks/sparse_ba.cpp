// The Jacobian of a bundle adjustment with derivatives written by hand, for benchmarks/sparse.py.
//
// For each observation the two rows of 15 entries (camera, point, weight), then that of its weight,
// straight into the values of a CSR matrix.
#include <cmath>

extern "C" void jacobian(long p, const double *cameras, const double *points, const double *weights,
                         const double *features, const long *which, double *out) {
    for (long i = 0; i < p; i++) {
        const double *cam = cameras + 11 * which[2 * i], *point = points + 3 * which[2 * i + 1];
        const double w = weights[i];
        double X[3], a[3], y[3], R[3][3], D[3][3], M[2][3];
        double theta = std::sqrt(cam[0] * cam[0] + cam[1] * cam[1] + cam[2] * cam[2]);
        for (int k = 0; k < 3; k++) {
            X[k] = point[k] - cam[3 + k];
            a[k] = cam[k] / theta;
        }
        const double c = std::cos(theta), s = std::sin(theta);
        const double along = a[0] * X[0] + a[1] * X[1] + a[2] * X[2];
        const double cross[3] = {a[1] * X[2] - a[2] * X[1], a[2] * X[0] - a[0] * X[2],
                                 a[0] * X[1] - a[1] * X[0]};
        const double skew[3][3] = {{0, -a[2], a[1]}, {a[2], 0, -a[0]}, {-a[1], a[0], 0}};
        for (int j = 0; j < 3; j++) {
            y[j] = X[j] * c + cross[j] * s + a[j] * along * (1 - c);
            for (int k = 0; k < 3; k++)
                R[j][k] = (j == k ? c : 0.0) + s * skew[j][k] + (1 - c) * a[j] * a[k];
        }
        for (int k = 0; k < 3; k++) {
            double d[3], inner = 0;
            for (int j = 0; j < 3; j++) {
                d[j] = ((j == k ? 1.0 : 0.0) - a[j] * a[k]) / theta;
                inner += d[j] * X[j];
            }
            const double turned[3] = {d[1] * X[2] - d[2] * X[1], d[2] * X[0] - d[0] * X[2],
                                      d[0] * X[1] - d[1] * X[0]};
            for (int j = 0; j < 3; j++)
                D[j][k] = (-X[j] * s + cross[j] * c + a[j] * along * s) * a[k] + turned[j] * s
                          + (d[j] * along + a[j] * inner) * (1 - c);
        }
        const double u[2] = {y[0] / y[2], y[1] / y[2]}, f = cam[6];
        const double r2 = u[0] * u[0] + u[1] * u[1];
        const double L = 1 + cam[9] * r2 + cam[10] * r2 * r2, slope = 2 * (cam[9] + 2 * cam[10] * r2);
        for (int o = 0; o < 2; o++) {
            const double p0 = f * ((o == 0 ? L : 0.0) + slope * u[o] * u[0]);
            const double p1 = f * ((o == 1 ? L : 0.0) + slope * u[o] * u[1]);
            M[o][0] = p0 / y[2];
            M[o][1] = p1 / y[2];
            M[o][2] = -(p0 * u[0] + p1 * u[1]) / y[2];
        }
        for (int o = 0; o < 2; o++) {
            double *row = out + 30 * i + 15 * o;
            for (int k = 0; k < 3; k++) {
                double turn = 0, move = 0;
                for (int j = 0; j < 3; j++) {
                    turn += M[o][j] * D[j][k];
                    move += M[o][j] * R[j][k];
                }
                row[k] = w * turn;
                row[3 + k] = -w * move;
                row[11 + k] = w * move;
            }
            row[6] = w * u[o] * L;
            row[7] = o == 0 ? w : 0.0;
            row[8] = o == 1 ? w : 0.0;
            row[9] = w * f * u[o] * r2;
            row[10] = w * f * u[o] * r2 * r2;
            row[14] = u[o] * L * f + cam[7 + o] - features[2 * i + o];
        }
        out[30 * p + i] = -2 * w;
    }
}
